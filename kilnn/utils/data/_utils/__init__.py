"""kilnn.utils.data._utils: where many programs import the collating functions from."""

from kilnn.utils.data._utils import collate as collate
