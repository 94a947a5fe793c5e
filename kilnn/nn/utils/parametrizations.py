"""Ready parametrizations: weights as direction and length, of bounded spectral norm, orthogonal."""

from __future__ import annotations

from typing import Any

from kilnn import linalg
from kilnn.engine.grad_mode import no_grad
from kilnn.nn import functional as F
from kilnn.nn.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from kilnn.nn.module import Module
from kilnn.nn.utils import parametrize
from kilnn.tensor.create import eye
from kilnn.tensor.functions.joining import cat
from kilnn.tensor.functions.random import randn
from kilnn.tensor.tensor import Tensor


def _weight(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The Euclidean norms of the slices of v along `dim`, which stays; -1 takes all of v together."""
    if dim == -1:
        return v.norm()
    others = [k for k in range(v.dim()) if k != dim % v.dim()]
    return v.norm(2, others, keepdim=True) if others else v.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


class _OlderKeys:
    """Renames the keys of checkpoints of the older `nn.utils.weight_norm`. (A class, so that modules can be copied.)"""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state_dict: Any, prefix: str, *_: Any) -> None:
        older = [f"{prefix}{self.name}_{letter}" for letter in "gv"]
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a weight by g v / |v|: `original0` is its length g, `original1` its direction v.

    Args:
        module: the module that holds the weight.
        name: the weight's name.
        dim: the dimension of which every slice has a length of its own; None for one length.

    Returns: the module.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.utils.parametrizations.weight_norm(kilnn.nn.Linear(2, 3))
        >>> [(n, tuple(p.shape)) for n, p in layer.named_parameters()][1:]
        [('parametrizations.weight.original0', (3, 1)), ('parametrizations.weight.original1', (3, 2))]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.weight_norm.html and
    T. Salimans, D. Kingma, "Weight Normalization", 2016, https://arxiv.org/abs/1602.07868
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_OlderKeys(name))
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        rank = weight.dim()
        if not -rank <= dim < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight.detach())
            for buffer, size in zip(("_u", "_v"), matrix.shape, strict=True):
                start = randn(size, dtype=weight.dtype, device=weight.device)
                self.register_buffer(buffer, F.normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        if self.dim != 0:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.flatten(1)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        """Steps of the power method, which turn u and v to the greatest singular vectors."""
        with no_grad():
            for _ in range(times):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.T.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # a later step of the power method must not change this one's
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # assigned values are taken to be normalised


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its greatest singular value, estimated by the power method.

    Args:
        module: the module that holds the weight.
        name: the weight's name.
        n_power_iterations: steps of the power method in each call while training.
        eps: smallest norm divided by.
        dim: the dimension that is the rows of the matrix; default 0, 1 for transposed convolutions.

    Returns: the module.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.spectral_norm.html and
    T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, https://arxiv.org/abs/1802.05957
    """
    weight = _weight(module, name)
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module


def _made_orthogonal(a: Tensor) -> Tensor:
    q, r = linalg.qr(a)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    eps = 10 * n * {8: 2.0**-52, 4: 2.0**-23, 2: 2.0**-10}[q.dtype.itemsize]
    unit = eye(k, dtype=q.dtype, device=q.device)
    return bool(((q.transpose(-2, -1) @ q - unit).abs() <= eps + 1e-5 * unit).all())


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        wide = n < k
        if wide:
            x = x.transpose(-2, -1)
            n, k = k, n
        if self.orthogonal_map == "householder":
            a = x.tril(-1)
            tau = 2.0 / (1.0 + (a * a).sum(-2))
            signs = x.diagonal(dim1=-2, dim2=-1).detach().trunc()
            q = linalg.householder_product(a, tau) * signs.unsqueeze(-2)
        else:
            lower = x.tril()
            if n != k:
                lower = cat([lower, lower.new_zeros(*lower.shape[:-1], n - k)], -1)
            skew = lower - lower.transpose(-2, -1)
            if self.orthogonal_map == "matrix_exp":
                q = linalg.matrix_exp(skew)
            else:
                unit = eye(n, dtype=x.dtype, device=x.device)
                q = linalg.solve(unit - skew * 0.5, unit + skew * 0.5)
            if n != k:
                q = q[..., :k]
        if "base" in self._buffers:
            q = self.base @ q
        return q.transpose(-2, -1) if wide else q

    def right_inverse(self, q: Tensor) -> Tensor:
        with no_grad():
            if q.shape != self.shape:
                raise ValueError(
                    f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}."
                )
            if "base" not in self._buffers:
                raise NotImplementedError(
                    "It is not possible to assign to an orthogonal parametrization when use_trivialization=False."
                )
            tall = q.transpose(-2, -1) if q.size(-2) < q.size(-1) else q
            n, k = tall.shape[-2:]
            if n != k:
                rest = randn(*tall.shape[:-1], n - k, dtype=q.dtype, device=q.device)
                self.base = _made_orthogonal(cat([tall, rest], -1))
            else:
                self.base = tall.clone() if _is_orthogonal(tall) else _made_orthogonal(tall)
            # The original is minus the identity: there every map is easy to differentiate and gives the base itself.
            return -eye(*q.shape[-2:], dtype=q.dtype, device=q.device).expand(q.shape).clone()


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix orthogonal (with orthonormal columns or rows where it is not square).

    Args:
        module: the module that holds the matrix, or batch of matrices.
        name: its name.
        orthogonal_map: "matrix_exp" (default for square ones), "cayley" or "householder" (default for others).
        use_trivialization: multiply by a fixed orthogonal matrix: training is steadier, and the value can be assigned.

    Returns: the module.

    Raises: ValueError for another map or fewer than 2 dimensions; NotImplementedError for complex matrices.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.utils.parametrizations.orthogonal(kilnn.nn.Linear(3, 5))
        >>> q = layer.weight
        >>> bool((q.T @ q - kilnn.eye(3)).abs().max() < 1e-5)
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrizations.orthogonal.html
    """
    weight = _weight(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if weight.is_complex():
        raise NotImplementedError("orthogonal(): complex matrices are not supported")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, made, unsafe=True)
    return module
