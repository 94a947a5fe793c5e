"""kilnn.nn.parallel: modules on several devices or in several processes."""

from kilnn.nn.parallel.data_parallel import (
    DataParallel as DataParallel,
    DistributedDataParallel as DistributedDataParallel,
)
