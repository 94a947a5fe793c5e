"""kilnn: PyTorch's neural-network toolkit, its training loops compiled without being asked."""

from kilnn import autograd as autograd
from kilnn import data as data
from kilnn import nn as nn
from kilnn import optim as optim
from kilnn import utils as utils
from kilnn.autograd import (
    enable_grad as enable_grad,
)
from kilnn.autograd import (
    inference_mode as inference_mode,
)
from kilnn.autograd import (
    no_grad as no_grad,
)
from kilnn.autograd import (
    set_grad_enabled as set_grad_enabled,
)
from kilnn.base.device import (
    Device as device,
)
from kilnn.base.device import (
    get_default_device as get_default_device,
)
from kilnn.base.device import (
    set_default_device as set_default_device,
)
from kilnn.base.dtypes import (
    DType as dtype,
)
from kilnn.base.dtypes import (
    bfloat16 as bfloat16,
)
from kilnn.base.dtypes import (
    bool as bool,
)
from kilnn.base.dtypes import (
    can_cast as can_cast,
)
from kilnn.base.dtypes import (
    complex64 as cfloat,
)
from kilnn.base.dtypes import (
    complex64 as complex64,
)
from kilnn.base.dtypes import (
    complex128 as cdouble,
)
from kilnn.base.dtypes import (
    complex128 as complex128,
)
from kilnn.base.dtypes import (
    float16 as float16,
)
from kilnn.base.dtypes import (
    float16 as half,
)
from kilnn.base.dtypes import (
    float32 as float,
)
from kilnn.base.dtypes import (
    float32 as float32,
)
from kilnn.base.dtypes import (
    float64 as double,
)
from kilnn.base.dtypes import (
    float64 as float64,
)
from kilnn.base.dtypes import (
    get_default_dtype as get_default_dtype,
)
from kilnn.base.dtypes import (
    int8 as int8,
)
from kilnn.base.dtypes import (
    int16 as int16,
)
from kilnn.base.dtypes import (
    int16 as short,
)
from kilnn.base.dtypes import (
    int32 as int,
)
from kilnn.base.dtypes import (
    int32 as int32,
)
from kilnn.base.dtypes import (
    int64 as int64,
)
from kilnn.base.dtypes import (
    int64 as long,
)
from kilnn.base.dtypes import (
    promote_types as promote_types,
)
from kilnn.base.dtypes import (
    set_default_dtype as set_default_dtype,
)
from kilnn.base.dtypes import (
    uint8 as uint8,
)
from kilnn.base.errors import (
    StateLostError as StateLostError,
)
from kilnn.base.generator import (
    Generator as Generator,
)
from kilnn.base.generator import (
    default_generator as default_generator,
)
from kilnn.base.generator import (
    fork_rng as fork_rng,
)
from kilnn.base.generator import (
    get_rng_state as get_rng_state,
)
from kilnn.base.generator import (
    initial_seed as initial_seed,
)
from kilnn.base.generator import (
    manual_seed as manual_seed,
)
from kilnn.base.generator import (
    seed as seed,
)
from kilnn.base.generator import (
    set_rng_state as set_rng_state,
)
from kilnn.base.limits import (
    finfo as finfo,
)
from kilnn.base.limits import (
    iinfo as iinfo,
)
from kilnn.engine.expect import (
    eager as eager,
)
from kilnn.engine.expect import (
    expect as expect,
)
from kilnn.engine.expect import (
    synchronize as synchronize,
)
from kilnn.engine.explain import (
    explain as explain,
)
from kilnn.engine.grad_mode import (
    is_grad_enabled as is_grad_enabled,
)
from kilnn.engine.grad_mode import (
    is_inference_mode_enabled as is_inference_mode_enabled,
)
from kilnn.engine.startup import start as _start
from kilnn.engine.stats import (
    reset_stats as reset_stats,
)
from kilnn.engine.stats import (
    stats as stats,
)
from kilnn.io import (
    load as load,
)
from kilnn.io import (
    save as save,
)
from kilnn.tensor.create import (
    arange as arange,
)
from kilnn.tensor.create import (
    as_tensor as as_tensor,
)
from kilnn.tensor.create import (
    empty as empty,
)
from kilnn.tensor.create import (
    empty_like as empty_like,
)
from kilnn.tensor.create import (
    eye as eye,
)
from kilnn.tensor.create import (
    from_jax as from_jax,
)
from kilnn.tensor.create import (
    from_numpy as from_numpy,
)
from kilnn.tensor.create import (
    full as full,
)
from kilnn.tensor.create import (
    full_like as full_like,
)
from kilnn.tensor.create import (
    linspace as linspace,
)
from kilnn.tensor.create import (
    ones as ones,
)
from kilnn.tensor.create import (
    ones_like as ones_like,
)
from kilnn.tensor.create import (
    tensor as tensor,
)
from kilnn.tensor.create import (
    zeros as zeros,
)
from kilnn.tensor.create import (
    zeros_like as zeros_like,
)
from kilnn.tensor.doors import (
    is_tensor as is_tensor,
)
from kilnn.tensor.functions.activation import log_softmax as log_softmax
from kilnn.tensor.functions.activation import relu as relu
from kilnn.tensor.functions.activation import relu_ as relu_
from kilnn.tensor.functions.activation import softmax as softmax
from kilnn.tensor.functions.arithmetic import (
    add as add,
)
from kilnn.tensor.functions.arithmetic import (
    addcdiv as addcdiv,
)
from kilnn.tensor.functions.arithmetic import (
    addcmul as addcmul,
)
from kilnn.tensor.functions.arithmetic import (
    allclose as allclose,
)
from kilnn.tensor.functions.arithmetic import (
    arctan2 as arctan2,
)
from kilnn.tensor.functions.arithmetic import (
    atan2 as atan2,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_and as bitwise_and,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_left_shift as bitwise_left_shift,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_not as bitwise_not,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_or as bitwise_or,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_right_shift as bitwise_right_shift,
)
from kilnn.tensor.functions.arithmetic import (
    bitwise_xor as bitwise_xor,
)
from kilnn.tensor.functions.arithmetic import (
    clamp as clamp,
)
from kilnn.tensor.functions.arithmetic import (
    clamp_max as clamp_max,
)
from kilnn.tensor.functions.arithmetic import (
    clamp_min as clamp_min,
)
from kilnn.tensor.functions.arithmetic import (
    clip as clip,
)
from kilnn.tensor.functions.arithmetic import (
    clone as clone,
)
from kilnn.tensor.functions.arithmetic import (
    div as div,
)
from kilnn.tensor.functions.arithmetic import divide as divide
from kilnn.tensor.functions.arithmetic import (
    eq as eq,
)
from kilnn.tensor.functions.arithmetic import (
    equal as equal,
)
from kilnn.tensor.functions.arithmetic import (
    fill as fill,
)
from kilnn.tensor.functions.arithmetic import (
    floor_divide as floor_divide,
)
from kilnn.tensor.functions.arithmetic import (
    fmax as fmax,
)
from kilnn.tensor.functions.arithmetic import (
    fmin as fmin,
)
from kilnn.tensor.functions.arithmetic import (
    fmod as fmod,
)
from kilnn.tensor.functions.arithmetic import (
    ge as ge,
)
from kilnn.tensor.functions.arithmetic import greater as greater
from kilnn.tensor.functions.arithmetic import greater_equal as greater_equal
from kilnn.tensor.functions.arithmetic import (
    gt as gt,
)
from kilnn.tensor.functions.arithmetic import (
    hypot as hypot,
)
from kilnn.tensor.functions.arithmetic import (
    isclose as isclose,
)
from kilnn.tensor.functions.arithmetic import (
    isfinite as isfinite,
)
from kilnn.tensor.functions.arithmetic import (
    isinf as isinf,
)
from kilnn.tensor.functions.arithmetic import (
    isnan as isnan,
)
from kilnn.tensor.functions.arithmetic import (
    le as le,
)
from kilnn.tensor.functions.arithmetic import (
    lerp as lerp,
)
from kilnn.tensor.functions.arithmetic import less as less
from kilnn.tensor.functions.arithmetic import less_equal as less_equal
from kilnn.tensor.functions.arithmetic import (
    logaddexp as logaddexp,
)
from kilnn.tensor.functions.arithmetic import (
    logical_and as logical_and,
)
from kilnn.tensor.functions.arithmetic import (
    logical_not as logical_not,
)
from kilnn.tensor.functions.arithmetic import (
    logical_or as logical_or,
)
from kilnn.tensor.functions.arithmetic import (
    logical_xor as logical_xor,
)
from kilnn.tensor.functions.arithmetic import (
    lt as lt,
)
from kilnn.tensor.functions.arithmetic import (
    masked_fill as masked_fill,
)
from kilnn.tensor.functions.arithmetic import (
    maximum as maximum,
)
from kilnn.tensor.functions.arithmetic import (
    minimum as minimum,
)
from kilnn.tensor.functions.arithmetic import (
    mul as mul,
)
from kilnn.tensor.functions.arithmetic import multiply as multiply
from kilnn.tensor.functions.arithmetic import (
    ne as ne,
)
from kilnn.tensor.functions.arithmetic import not_equal as not_equal
from kilnn.tensor.functions.arithmetic import (
    pow as pow,
)
from kilnn.tensor.functions.arithmetic import (
    remainder as remainder,
)
from kilnn.tensor.functions.arithmetic import (
    rsub as rsub,
)
from kilnn.tensor.functions.arithmetic import (
    signbit as signbit,
)
from kilnn.tensor.functions.arithmetic import (
    sub as sub,
)
from kilnn.tensor.functions.arithmetic import subtract as subtract
from kilnn.tensor.functions.arithmetic import true_divide as true_divide
from kilnn.tensor.functions.arithmetic import (
    where as where,
)
from kilnn.tensor.functions.arithmetic import (
    xlogy as xlogy,
)
from kilnn.tensor.functions.casting import get_device as get_device
from kilnn.tensor.functions.elementary import (
    abs as abs,
)
from kilnn.tensor.functions.elementary import (
    absolute as absolute,
)
from kilnn.tensor.functions.elementary import (
    acos as acos,
)
from kilnn.tensor.functions.elementary import (
    acosh as acosh,
)
from kilnn.tensor.functions.elementary import arccos as arccos
from kilnn.tensor.functions.elementary import arccosh as arccosh
from kilnn.tensor.functions.elementary import arcsin as arcsin
from kilnn.tensor.functions.elementary import arcsinh as arcsinh
from kilnn.tensor.functions.elementary import arctan as arctan
from kilnn.tensor.functions.elementary import arctanh as arctanh
from kilnn.tensor.functions.elementary import (
    asin as asin,
)
from kilnn.tensor.functions.elementary import (
    asinh as asinh,
)
from kilnn.tensor.functions.elementary import (
    atan as atan,
)
from kilnn.tensor.functions.elementary import (
    atanh as atanh,
)
from kilnn.tensor.functions.elementary import (
    ceil as ceil,
)
from kilnn.tensor.functions.elementary import (
    cos as cos,
)
from kilnn.tensor.functions.elementary import (
    cosh as cosh,
)
from kilnn.tensor.functions.elementary import (
    deg2rad as deg2rad,
)
from kilnn.tensor.functions.elementary import (
    digamma as digamma,
)
from kilnn.tensor.functions.elementary import (
    erf as erf,
)
from kilnn.tensor.functions.elementary import (
    erfc as erfc,
)
from kilnn.tensor.functions.elementary import (
    erfinv as erfinv,
)
from kilnn.tensor.functions.elementary import (
    exp as exp,
)
from kilnn.tensor.functions.elementary import (
    exp2 as exp2,
)
from kilnn.tensor.functions.elementary import (
    expm1 as expm1,
)
from kilnn.tensor.functions.elementary import (
    fix as fix,
)
from kilnn.tensor.functions.elementary import (
    floor as floor,
)
from kilnn.tensor.functions.elementary import (
    frac as frac,
)
from kilnn.tensor.functions.elementary import (
    lgamma as lgamma,
)
from kilnn.tensor.functions.elementary import (
    log as log,
)
from kilnn.tensor.functions.elementary import (
    log1p as log1p,
)
from kilnn.tensor.functions.elementary import (
    log2 as log2,
)
from kilnn.tensor.functions.elementary import (
    log10 as log10,
)
from kilnn.tensor.functions.elementary import (
    logit as logit,
)
from kilnn.tensor.functions.elementary import (
    nan_to_num as nan_to_num,
)
from kilnn.tensor.functions.elementary import (
    neg as neg,
)
from kilnn.tensor.functions.elementary import (
    negative as negative,
)
from kilnn.tensor.functions.elementary import (
    positive as positive,
)
from kilnn.tensor.functions.elementary import (
    rad2deg as rad2deg,
)
from kilnn.tensor.functions.elementary import (
    reciprocal as reciprocal,
)
from kilnn.tensor.functions.elementary import (
    round as round,
)
from kilnn.tensor.functions.elementary import (
    rsqrt as rsqrt,
)
from kilnn.tensor.functions.elementary import (
    sgn as sgn,
)
from kilnn.tensor.functions.elementary import (
    sigmoid as sigmoid,
)
from kilnn.tensor.functions.elementary import (
    sign as sign,
)
from kilnn.tensor.functions.elementary import (
    sin as sin,
)
from kilnn.tensor.functions.elementary import (
    sinh as sinh,
)
from kilnn.tensor.functions.elementary import (
    sqrt as sqrt,
)
from kilnn.tensor.functions.elementary import (
    square as square,
)
from kilnn.tensor.functions.elementary import (
    tan as tan,
)
from kilnn.tensor.functions.elementary import (
    tanh as tanh,
)
from kilnn.tensor.functions.elementary import (
    trunc as trunc,
)
from kilnn.tensor.functions.facts import is_complex as is_complex
from kilnn.tensor.functions.facts import is_floating_point as is_floating_point
from kilnn.tensor.functions.facts import is_nonzero as is_nonzero
from kilnn.tensor.functions.facts import numel as numel
from kilnn.tensor.functions.facts import real as real
from kilnn.tensor.functions.facts import result_type as result_type
from kilnn.tensor.functions.indexing import (
    argwhere as argwhere,
)
from kilnn.tensor.functions.indexing import (
    bincount as bincount,
)
from kilnn.tensor.functions.indexing import (
    gather as gather,
)
from kilnn.tensor.functions.indexing import (
    histc as histc,
)
from kilnn.tensor.functions.indexing import (
    index_add as index_add,
)
from kilnn.tensor.functions.indexing import (
    index_copy as index_copy,
)
from kilnn.tensor.functions.indexing import (
    index_fill as index_fill,
)
from kilnn.tensor.functions.indexing import (
    index_put as index_put,
)
from kilnn.tensor.functions.indexing import (
    index_select as index_select,
)
from kilnn.tensor.functions.indexing import (
    isin as isin,
)
from kilnn.tensor.functions.indexing import (
    masked_scatter as masked_scatter,
)
from kilnn.tensor.functions.indexing import (
    masked_select as masked_select,
)
from kilnn.tensor.functions.indexing import (
    nonzero as nonzero,
)
from kilnn.tensor.functions.indexing import (
    scatter as scatter,
)
from kilnn.tensor.functions.indexing import (
    scatter_add as scatter_add,
)
from kilnn.tensor.functions.indexing import (
    select_scatter as select_scatter,
)
from kilnn.tensor.functions.indexing import (
    slice_scatter as slice_scatter,
)
from kilnn.tensor.functions.indexing import (
    take as take,
)
from kilnn.tensor.functions.indexing import (
    take_along_dim as take_along_dim,
)
from kilnn.tensor.functions.indexing import (
    unique as unique,
)
from kilnn.tensor.functions.indexing import (
    unique_consecutive as unique_consecutive,
)
from kilnn.tensor.functions.joining import (
    atleast_1d as atleast_1d,
)
from kilnn.tensor.functions.joining import (
    atleast_2d as atleast_2d,
)
from kilnn.tensor.functions.joining import (
    atleast_3d as atleast_3d,
)
from kilnn.tensor.functions.joining import (
    block_diag as block_diag,
)
from kilnn.tensor.functions.joining import (
    cartesian_prod as cartesian_prod,
)
from kilnn.tensor.functions.joining import (
    cat as cat,
)
from kilnn.tensor.functions.joining import (
    column_stack as column_stack,
)
from kilnn.tensor.functions.joining import (
    concat as concat,
)
from kilnn.tensor.functions.joining import concatenate as concatenate
from kilnn.tensor.functions.joining import (
    diag as diag,
)
from kilnn.tensor.functions.joining import (
    diag_embed as diag_embed,
)
from kilnn.tensor.functions.joining import (
    diagonal_copy as diagonal_copy,
)
from kilnn.tensor.functions.joining import (
    dstack as dstack,
)
from kilnn.tensor.functions.joining import (
    flip as flip,
)
from kilnn.tensor.functions.joining import (
    fliplr as fliplr,
)
from kilnn.tensor.functions.joining import (
    flipud as flipud,
)
from kilnn.tensor.functions.joining import (
    hstack as hstack,
)
from kilnn.tensor.functions.joining import (
    meshgrid as meshgrid,
)
from kilnn.tensor.functions.joining import (
    repeat_interleave as repeat_interleave,
)
from kilnn.tensor.functions.joining import (
    roll as roll,
)
from kilnn.tensor.functions.joining import (
    rot90 as rot90,
)
from kilnn.tensor.functions.joining import (
    row_stack as row_stack,
)
from kilnn.tensor.functions.joining import (
    stack as stack,
)
from kilnn.tensor.functions.joining import (
    tile as tile,
)
from kilnn.tensor.functions.joining import (
    tril as tril,
)
from kilnn.tensor.functions.joining import (
    triu as triu,
)
from kilnn.tensor.functions.joining import (
    vstack as vstack,
)
from kilnn.tensor.functions.products import (
    addbmm as addbmm,
)
from kilnn.tensor.functions.products import (
    addmm as addmm,
)
from kilnn.tensor.functions.products import (
    addmv as addmv,
)
from kilnn.tensor.functions.products import (
    addr as addr,
)
from kilnn.tensor.functions.products import (
    baddbmm as baddbmm,
)
from kilnn.tensor.functions.products import (
    bmm as bmm,
)
from kilnn.tensor.functions.products import (
    cdist as cdist,
)
from kilnn.tensor.functions.products import (
    cross as cross,
)
from kilnn.tensor.functions.products import (
    dist as dist,
)
from kilnn.tensor.functions.products import (
    dot as dot,
)
from kilnn.tensor.functions.products import (
    einsum as einsum,
)
from kilnn.tensor.functions.products import (
    ger as ger,
)
from kilnn.tensor.functions.products import (
    inner as inner,
)
from kilnn.tensor.functions.products import (
    kron as kron,
)
from kilnn.tensor.functions.products import (
    matmul as matmul,
)
from kilnn.tensor.functions.products import (
    mm as mm,
)
from kilnn.tensor.functions.products import (
    mv as mv,
)
from kilnn.tensor.functions.products import (
    outer as outer,
)
from kilnn.tensor.functions.products import (
    tensordot as tensordot,
)
from kilnn.tensor.functions.products import (
    vdot as vdot,
)
from kilnn.tensor.functions.random import bernoulli as bernoulli
from kilnn.tensor.functions.random import multinomial as multinomial
from kilnn.tensor.functions.random import normal as normal
from kilnn.tensor.functions.random import (
    rand as rand,
)
from kilnn.tensor.functions.random import (
    rand_like as rand_like,
)
from kilnn.tensor.functions.random import (
    randint as randint,
)
from kilnn.tensor.functions.random import randint_like as randint_like
from kilnn.tensor.functions.random import (
    randn as randn,
)
from kilnn.tensor.functions.random import (
    randn_like as randn_like,
)
from kilnn.tensor.functions.random import (
    randperm as randperm,
)
from kilnn.tensor.functions.reduction import (
    all as all,
)
from kilnn.tensor.functions.reduction import (
    amax as amax,
)
from kilnn.tensor.functions.reduction import (
    amin as amin,
)
from kilnn.tensor.functions.reduction import (
    aminmax as aminmax,
)
from kilnn.tensor.functions.reduction import (
    any as any,
)
from kilnn.tensor.functions.reduction import (
    argmax as argmax,
)
from kilnn.tensor.functions.reduction import (
    argmin as argmin,
)
from kilnn.tensor.functions.reduction import (
    count_nonzero as count_nonzero,
)
from kilnn.tensor.functions.reduction import (
    cov as cov,
)
from kilnn.tensor.functions.reduction import (
    logsumexp as logsumexp,
)
from kilnn.tensor.functions.reduction import (
    max as max,
)
from kilnn.tensor.functions.reduction import (
    mean as mean,
)
from kilnn.tensor.functions.reduction import (
    median as median,
)
from kilnn.tensor.functions.reduction import (
    min as min,
)
from kilnn.tensor.functions.reduction import (
    nanmean as nanmean,
)
from kilnn.tensor.functions.reduction import (
    nansum as nansum,
)
from kilnn.tensor.functions.reduction import (
    norm as norm,
)
from kilnn.tensor.functions.reduction import (
    prod as prod,
)
from kilnn.tensor.functions.reduction import (
    quantile as quantile,
)
from kilnn.tensor.functions.reduction import (
    std as std,
)
from kilnn.tensor.functions.reduction import (
    std_mean as std_mean,
)
from kilnn.tensor.functions.reduction import (
    sum as sum,
)
from kilnn.tensor.functions.reduction import (
    trace as trace,
)
from kilnn.tensor.functions.reduction import (
    var as var,
)
from kilnn.tensor.functions.reduction import (
    var_mean as var_mean,
)
from kilnn.tensor.functions.shaping import (
    broadcast_tensors as broadcast_tensors,
)
from kilnn.tensor.functions.shaping import (
    broadcast_to as broadcast_to,
)
from kilnn.tensor.functions.shaping import (
    chunk as chunk,
)
from kilnn.tensor.functions.shaping import (
    diagonal as diagonal,
)
from kilnn.tensor.functions.shaping import (
    flatten as flatten,
)
from kilnn.tensor.functions.shaping import (
    moveaxis as moveaxis,
)
from kilnn.tensor.functions.shaping import (
    movedim as movedim,
)
from kilnn.tensor.functions.shaping import (
    narrow as narrow,
)
from kilnn.tensor.functions.shaping import (
    permute as permute,
)
from kilnn.tensor.functions.shaping import (
    ravel as ravel,
)
from kilnn.tensor.functions.shaping import (
    reshape as reshape,
)
from kilnn.tensor.functions.shaping import (
    select as select,
)
from kilnn.tensor.functions.shaping import (
    split as split,
)
from kilnn.tensor.functions.shaping import (
    squeeze as squeeze,
)
from kilnn.tensor.functions.shaping import (
    swapaxes as swapaxes,
)
from kilnn.tensor.functions.shaping import swapdims as swapdims
from kilnn.tensor.functions.shaping import (
    t as t,
)
from kilnn.tensor.functions.shaping import (
    tensor_split as tensor_split,
)
from kilnn.tensor.functions.shaping import (
    transpose as transpose,
)
from kilnn.tensor.functions.shaping import (
    unbind as unbind,
)
from kilnn.tensor.functions.shaping import (
    unflatten as unflatten,
)
from kilnn.tensor.functions.shaping import (
    unsqueeze as unsqueeze,
)
from kilnn.tensor.functions.sorting import (
    argsort as argsort,
)
from kilnn.tensor.functions.sorting import (
    bucketize as bucketize,
)
from kilnn.tensor.functions.sorting import (
    cummax as cummax,
)
from kilnn.tensor.functions.sorting import (
    cummin as cummin,
)
from kilnn.tensor.functions.sorting import (
    cumprod as cumprod,
)
from kilnn.tensor.functions.sorting import (
    cumsum as cumsum,
)
from kilnn.tensor.functions.sorting import (
    diff as diff,
)
from kilnn.tensor.functions.sorting import (
    kthvalue as kthvalue,
)
from kilnn.tensor.functions.sorting import (
    msort as msort,
)
from kilnn.tensor.functions.sorting import (
    searchsorted as searchsorted,
)
from kilnn.tensor.functions.sorting import (
    sort as sort,
)
from kilnn.tensor.functions.sorting import (
    topk as topk,
)
from kilnn.tensor.size import (
    Size as Size,
)
from kilnn.tensor.tensor import (
    Tensor as Tensor,
)

__version__ = "0.1.0"

_start()
