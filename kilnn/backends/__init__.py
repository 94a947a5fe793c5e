"""What computes: PyTorch's `torch.backends`. Here it is XLA, which has switches of its own."""

from kilnn.backends import (
    cpu as cpu,
    cuda as cuda,
    cudnn as cudnn,
    mkl as mkl,
    mkldnn as mkldnn,
    mps as mps,
    openmp as openmp,
    opt_einsum as opt_einsum,
)
