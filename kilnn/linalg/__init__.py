"""Linear algebra: PyTorch's `torch.linalg`."""

from kilnn.base.errors import LinAlgError as LinAlgError
from kilnn.tensor.functions.linalg import (
    cholesky as cholesky,
    cholesky_ex as cholesky_ex,
    cond as cond,
    cross as cross,
    det as det,
    diagonal as diagonal,
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    householder_product as householder_product,
    inv as inv,
    inv_ex as inv_ex,
    lstsq as lstsq,
    lu as lu,
    lu_factor as lu_factor,
    lu_solve as lu_solve,
    matmul as matmul,
    matrix_exp as matrix_exp,
    matrix_norm as matrix_norm,
    matrix_power as matrix_power,
    matrix_rank as matrix_rank,
    multi_dot as multi_dot,
    norm as norm,
    pinv as pinv,
    qr as qr,
    slogdet as slogdet,
    solve as solve,
    solve_triangular as solve_triangular,
    svd as svd,
    svdvals as svdvals,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    vander as vander,
    vecdot as vecdot,
    vector_norm as vector_norm,
)
from kilnn.tensor.out import complete as _complete

_complete(
    globals(),
    "cholesky cholesky_ex cond cross det eig eigh eigvals eigvalsh householder_product inv inv_ex lu "
    "lu_factor lu_solve matmul matrix_norm matrix_power matrix_rank multi_dot norm pinv qr slogdet solve "
    "solve_triangular svd svdvals tensorinv tensorsolve vecdot vector_norm",
)
