"""Arithmetic methods, operators and free functions."""

import pytest

from tests.tensor.expressions import check, each

FORWARD = """
x + y; x + 2; 2 + x; x + 2.5; i + 2; i + 2.5; b + 1; b + b; x + i; x + d; x + s; s + d; i + True
x - y; 2 - x; i - 1; x - d; 5 - i
x * y; 2 * x; b * 2.0; i * b; small * i; byte * small
x / y; 2 / x; i / 2; i / i.add(1); 1 / i.add(1); x / 2; b / 2
x // 2; 7 // i.add(1); i // 2; x % 2; i % 4; 7 % i.add(1); -7 % i.add(1); x // y
x ** 2; x ** 3; p ** 0.5; p ** -0.5; p ** 2.3; 2 ** x; i ** 2; i ** 2.0; b ** 2; p ** y; 2.0 ** i; i ** i; p ** 1.5
-x; +x; abs(x); -i; ~b; ~i
x @ y.t(); row @ x.t(); x @ row; row @ row; cube @ T.ones(4, 5); T.ones(5, 2) @ cube; cube @ T.ones(2, 4, 3)
x.add(y, alpha=2); x.add(2, alpha=3); i.add(i, alpha=2); T.add(x, y, alpha=-0.5); T.add(x, 3); b.add(b, alpha=True)
x.sub(y, alpha=2); T.sub(x, y); T.rsub(x, 2); x.subtract(y); T.subtract(x, y)
x.mul(y); T.mul(x, 2); x.multiply(y); T.multiply(x, 2)
x.div(y); T.div(i, 2); x.true_divide(2); T.divide(x, y); T.true_divide(i, 3)
i.div(2, rounding_mode='floor'); i.neg().div(4, rounding_mode='trunc'); T.div(x, p, rounding_mode='floor')
T.floor_divide(i, 2); i.floor_divide(2); T.remainder(x, 2); x.remainder(p); T.fmod(x, 2); x.neg().fmod(p)
x.pow(2); T.pow(p, 0.5); T.pow(2, i); p.pow(y); x.square(); T.square(i)
T.atan2(x, y); x.atan2(y); T.hypot(x, y); T.logaddexp(x, y); x.xlogy(p); T.xlogy(x, 2.0)
T.xlogy(T.zeros(3), T.zeros(3))
T.lerp(x, y, 0.3); x.lerp(y, p); T.addcmul(x, y, p); x.addcmul(y, row, value=2); T.addcdiv(x, y, p)
x.addcdiv(y, p, value=-0.5)
T.maximum(x, y); T.minimum(x, row); x.maximum(y); T.fmax(x, y); T.fmin(x, y); T.maximum(x, i)
x.clamp(-0.5, 0.5); x.clamp(min=0); x.clamp(max=0.1); T.clamp(i, 1, 3); i.clamp(0.5); x.clip(-1, 1); T.clamp_min(x, 0)
x.clamp_max(0.5)
x.clamp(min=y, max=p); x.clamp(row)
T.where(b, x, y); T.where(b, x, 0.0); T.where(b, 1, 0); T.where(b, 1.0, 0); T.where(x > 0, x, d); x.where(b, y)
T.where(b, i, 0.5)
x.masked_fill(b, 2.5); i.masked_fill(b, 2.5); x.masked_fill(rows[:, None], -inf); x.masked_fill(b, s)
b.masked_fill(b, False)
x.exp(); T.exp(i); x.expm1(); p.log(); T.log2(p); p.log10(); p.log1p(); x.sigmoid(); T.sigmoid(i); p.sqrt(); T.sqrt(i)
p.rsqrt()
p.reciprocal(); x.sin(); x.cos(); x.tan(); p.asin() * 0; x.atan(); x.sinh(); x.cosh(); x.tanh(); x.erf(); x.erfc()
p.lgamma()
x.floor(); x.ceil(); x.round(); x.trunc(); x.frac(); x.sign(); T.sign(i); x.round(decimals=2); i.floor(); i.abs()
x.neg(); x.exp2()
x.asinh(); T.arctan(x); T.absolute(x); x.negative(); T.fix(x); x.sgn(); x.nan_to_num()
T.nan_to_num(x / 0, 1.0, 2.0, 3.0)
x.deg2rad(); x.rad2deg(); x.positive()
x.to(T.float64); x.to(T.int64); x.to('cpu'); x.to(d); x.to(T.float16); x.to('cpu', T.float64); x.to(dtype=T.int32)
x.to(x.device)
x.float(); x.double(); x.half(); x.bfloat16(); x.long(); x.int(); x.bool(); x.short(); x.char(); i.byte()
x.type_as(d); x.type(T.float64)
x.clone(); x.T.clone(); x.contiguous(); T.clone(x)
T.mm(x, y.t()); x.mm(y.T); T.mv(x, row); T.dot(row, row); row.dot(row); T.bmm(cube, cube.transpose(1, 2))
T.matmul(x, row)
T.addmm(row[:2], x, y.t()); T.addmm(row[:2], x, y.t(), beta=0.5, alpha=2); x.addmm(x @ x.t(), y, beta=0)
T.baddbmm(T.ones(2, 3, 3), cube, cube.mT)
T.addmv(row[:2], x, row, alpha=2); T.addr(x, row[:2], row); T.addbmm(T.ones(3, 3), cube, cube.mT); T.outer(row, row)
row.ger(row); T.inner(x, y)
T.einsum('ij,kj->ik', x, y); T.einsum('ij,kj', x, y); T.einsum('ij->j', x); T.einsum('ii', square)
T.einsum('bij,jk->bik', cube, T.ones(4, 2))
T.einsum('i,j,k->ijk', row, row, row); T.einsum('...i,...i->...', cube, cube)
T.einsum('ij , jk -> ik', [square, square]); T.einsum('bhd,bkd->bhk', cube, cube)
T.tensordot(x, y, 2); T.tensordot(cube, cube, ([0, 1], [0, 1])); T.tensordot(x, square, 1); T.kron(x, row)
T.cross(square, square, dim=1)
T.dist(x, y); T.cdist(x, y); T.cdist(x, square, p=1.0)
x == y; x != x; x < y; x <= 0; x > y; x >= 0.5; i == 2; i == 2.0; b == True; T.eq(x, x); x.ne(0); x.lt(y); T.ge(x, y)
x == None; x != None; x == 'a'; i < d
b & b; b | ~b; b ^ True; i & 3; i | 4; i ^ i; i << 1; i >> 1; T.logical_and(x, y); b.logical_or(b); T.logical_not(x)
x.logical_xor(y); T.bitwise_not(i); 3 & i
T.isnan(x / 0 * 0); x.isinf(); T.isfinite(x); x.signbit(); T.isclose(x, x + 1e-9); T.allclose(x, x); T.equal(x, y)
x.equal(x); T.allclose(x, y)
"""

GRADIENTS = """
x * y + row; 2 / p; 2 - x; x ** 3; p ** y; p ** 0.5; 2 ** x; x / p; x % 2; -x.abs(); x.clamp(-0.5, 0.5)
T.where(b, x, y * 2)
T.maximum(x, y); x.lerp(y, 0.3); x.lerp(y, p); T.addcmul(x, y, p, value=2); T.addcdiv(x, y, p); x.masked_fill(b, s)
x.to(T.float64)
(x * i).double() + d; x.half().float(); x.exp() * p.log() + x.tanh() + x.sigmoid() + p.sqrt() + x.sin()
T.add(x, y, alpha=3); T.sub(x, y, alpha=3)
x @ y.t(); x @ row; row @ x.t(); row @ row; cube.mT @ square; x @ cube; row @ cube; cube @ cube.mT
T.addmm(row[:2], x, y.t(), beta=0.5, alpha=2); T.baddbmm(one, cube, cube.mT); T.outer(row, row)
T.einsum('ij,kj->ik', x, y); T.einsum('i,jk,ljm->klm', row[:2], x, cube[:, :2]).contiguous()
T.tensordot(cube, x, ([0, 1], [0, 1])); T.kron(x, row); T.dist(x, y); x.nan_to_num(); T.atan2(x, y); x.fmod(p)
x.T.clone()
"""

ERRORS = """
x + None; x + 'a'; x + [1]; x + T.zeros(2); ~x; -b; b - b; x - b; i ** -1; x @ x; x @ row[:2]; row @ row[:2]; x @ s
x @ d.t()
T.add(i, i, alpha=0.5); T.add(x, x, alpha=True); T.where(x, x, x); x.masked_fill(i, 0.0); x.masked_fill(b, d)
T.maximum(x, 1.0)
T.clamp(x); T.lerp(x, d, 0.5); T.div(i, 2, rounding_mode='x'); x & x; x << 1; T.floor(b); T.frac(i)
T.einsum('ij,jk->ik', x, x); T.einsum('ijk->i', x); T.einsum('ij->k', x); T.einsum('ij->ii', x); T.einsum('ii->i', x)
T.einsum('i1->i', x)
T.mm(x, row); T.bmm(x, x); T.dot(x, x); T.addmm(x, x, x); T.outer(x, x); T.isclose(x, d); T.cat([]); +b
"""

SAME_TEXT = """
x + T.zeros(2); -b; b - b; x - b; i ** -1; x @ x; row @ row[:2]; x @ s; x @ d.t(); T.add(i, i, alpha=0.5)
T.where(x, x, x)
x.masked_fill(i, 0.0); x.masked_fill(b, d); T.maximum(x, 1.0); T.clamp(x); T.lerp(x, d, 0.5)
T.div(i, 2, rounding_mode='x')
T.einsum('ij,jk->ik', x, x); T.einsum('ijk->i', x); T.einsum('ij->k', x); T.einsum('ij->ii', x); T.einsum('ii->i', x)
x & x
T.mm(x, row); T.bmm(x, x); T.dot(x, x); T.outer(x, x); T.isclose(x, d); T.cat([]); ~x
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source)


@pytest.mark.parametrize("source", each(GRADIENTS))
def test_gradients(source):
    check(source, gradients=True)


@pytest.mark.parametrize("source", each(ERRORS))
def test_errors(source):
    check(source)


@pytest.mark.parametrize("source", each(SAME_TEXT))
def test_messages(source):
    check(source, text=True)
