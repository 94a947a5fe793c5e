"""Special functions: PyTorch's `torch.special`."""

from kilnn.tensor.functions.arithmetic import xlogy as xlogy
from kilnn.tensor.functions.elementary import (
    digamma as digamma,
    erf as erf,
    erfc as erfc,
    erfinv as erfinv,
    exp2 as exp2,
    expm1 as expm1,
    log1p as log1p,
    logit as logit,
    round as round,
)
from kilnn.tensor.functions.reduction import logsumexp as logsumexp
from kilnn.tensor.functions.special import (
    entr as entr,
    erfcx as erfcx,
    expit as expit,
    gammainc as gammainc,
    gammaincc as gammaincc,
    gammaln as gammaln,
    i0 as i0,
    i0e as i0e,
    i1 as i1,
    i1e as i1e,
    log_ndtr as log_ndtr,
    log_softmax as log_softmax,
    multigammaln as multigammaln,
    ndtr as ndtr,
    ndtri as ndtri,
    polygamma as polygamma,
    psi as psi,
    sinc as sinc,
    softmax as softmax,
    xlog1py as xlog1py,
    zeta as zeta,
)
from kilnn.tensor.out import complete as _complete

_complete(
    globals(),
    "digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammainc gammaincc gammaln i0 i0e i1 i1e log1p "
    "log_ndtr logit logsumexp multigammaln ndtr ndtri polygamma psi round sinc xlog1py xlogy zeta",
)
