"""Where kilnn differs from PyTorch's records, and why. The list is strict: what agrees by now must leave it.

A line names an operation, the parts that differ, and for each kind of samples the numbers of those that do (* for all):
`topk result,out int64:0,6`.
"""

from __future__ import annotations

_DIFFERENCES = {
    "`out` may have any dtype that the result can be cast to": """
        complex errors errors:2
        aminmax errors errors:1
    """,
    "what is written with `out` is computed before, so overlapping memory does no harm": """
        kthvalue errors errors:0
        masked_select errors errors:*
        gather errors errors:7
        index_select errors errors:*
        take errors errors:*
        bernoulli errors errors:*
        cat errors errors:0,6
    """,
    "whole numbers are written where PyTorch refuses a value that its dtype cannot hold exactly": """
        masked_fill errors errors:2
    """,
    "computing in chunks saves memory in PyTorch; XLA decides that itself": """
        nn.functional.linear_cross_entropy|chunked result,gradient float32:*
        nn.functional.linear_cross_entropy|chunked_none result,gradient float32:*
    """,
    "functions of nn.functional take no `out`": """
        nn.functional.normalize out float32:*
        nn.functional.avg_pool3d out float32:* int64:*
        nn.functional.avg_pool2d out float32:* int64:*
        nn.functional.linear out float32:* int64:*
        nn.functional.logsigmoid out float32:*
        nn.functional.softshrink out float32:*
        nn.functional.hardshrink out float32:*
        nn.functional.gelu out float32:*
        nn.functional.softplus out float32:*
    """,
    "the samples are parts of a larger storage, which is not copied to kilnn": """
        as_strided|partial_views result float32:1,2 int64:1,2 bool:1,2
        as_strided|partial_views gradient float32:1,2
    """,
    "PyTorch's gradient lets pass what was overwritten, and stops what was not": """
        as_strided_scatter gradient float32:*
    """,
    "the masks of dropout and the slopes of rrelu are other random numbers": """
        nn.functional.rrelu result,gradient,in-place float32:0,2
        nn.functional.dropout result,gradient,in-place float32:18
        nn.functional.dropout2d result,gradient,in-place float32:12
        nn.functional.dropout3d result,gradient,in-place float32:12
        nn.functional.multi_head_attention_forward result,gradient float32:*
    """,
    "a bool is taken as a start": """
        narrow errors errors:8
    """,
    "operators of a number and a tensor are called with the tensor first": """
        __radd__ errors errors:0
        __rmul__ errors errors:0
        __rand__ errors errors:0
        __ror__ errors errors:0
        __rxor__ errors errors:0
    """,
    "uninitialised memory with gaps is made by `empty(...).as_strided(...)`": """
        empty_strided result float32:2,3 int64:2,3 bool:2,3
    """,
    "`out` takes the size that is asked for": """
        normal|number_mean out float32:2
    """,
    "an empty vector that `cat` leaves out gets no gradient, instead of an empty one": """
        cat gradient float32:4
    """,
    "the result is no strided tensor": """
        to_sparse result float32:* int64:* bool:*
    """,
    "kilnn's gradient is the exacter one: PyTorch's float32 loses digits beside large elements": """
        logcumsumexp gradient float32:0
    """,
    "`out` may be a tuple of one tensor": """
        nonzero out float32:23 int64:23 bool:23
    """,
    "PyTorch leaves `out` empty": """
        fft.ihfft2 out float32:3 int64:3 bool:3
        fft.ihfftn out float32:4 int64:4 bool:4
    """,
    "an operand that nothing was computed of gets a gradient of zeros, instead of None": """
        linalg.householder_product gradient float32:4
    """,
    "residuals carry gradients only where they are filled in, for every driver": """
        linalg.lstsq result,gradient float32:*
        linalg.lstsq|grad_oriented result,gradient float32:0,18
    """,
    "the power 0 is a constant: it asks for no gradient": """
        linalg.matrix_power result,gradient float32:0
    """,
    "`out` would be of four tensors": """
        linalg.lstsq out float32:*
    """,
    "the singular values are exact, in PyTorch those of a random part": """
        svd_lowrank gradient float32:15
    """,
    "the records prepare the gradient with a private function of torch.masked": """
        masked.amax gradient float32:37,74
        masked.amin gradient float32:37,74
        masked.mean gradient float32:37,74
        masked.softmax gradient float32:12,23
        masked.log_softmax gradient float32:12,23
    """,
    "places are int64, in PyTorch of the input's dtype": """
        masked.argmax result float32:*
        masked.argmin result float32:*
    """,
    "where nothing is left there is no mass, in PyTorch NaN": """
        masked.softmax result float32:12
        masked.log_softmax result float32:12
    """,
    "limits are numbers": """
        linalg.pinv result,gradient,out float32:23
    """,
}

ABSENT = """
sparse.sampled_addmm geqrf lu _softmax_backward_data native_group_norm native_layer_norm native_batch_norm
_native_batch_norm_legit _batch_norm_with_update constant_pad_nd _upsample_bilinear2d_aa
max_pool2d_with_indices_backward torch._scaled_mm_v2 torch._scaled_mm torch.ops.aten._safe_softmax.default
torch.ops.aten._flash_attention_forward torch.ops.aten._efficient_attention_forward ormqr split_with_sizes_copy
__rdiv__ slice _unsafe_masked_index _unsafe_masked_index_put_accumulate chalf new_empty_strided _chunk_cat
histogramdd jiterator_unary jiterator_binary jiterator_4inputs_with_extra_args jiterator_binary_return_by_ref
jiterator_2inputs_2outputs native_dropout_backward grid_sampler_2d grid_sampler_3d hash_tensor
_segment_reduce|lengths _segment_reduce|offsets linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve
linalg.lu_factor_ex linalg.solve_ex signal.windows.hamming signal.windows.hann signal.windows.bartlett
signal.windows.blackman signal.windows.cosine signal.windows.exponential signal.windows.gaussian
signal.windows.kaiser signal.windows.general_cosine signal.windows.general_hamming signal.windows.nuttall
special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1
special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v
special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he
special.laguerre_polynomial_l special.legendre_polynomial_p special.modified_bessel_i0 special.modified_bessel_i1
special.modified_bessel_k0 special.modified_bessel_k1 special.scaled_modified_bessel_k0
special.scaled_modified_bessel_k1 special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u
special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w special.spherical_bessel_j0
masked.cumsum masked.cumprod masked.median masked.norm masked.var masked.std masked.softmin masked.normalize
masked.logaddexp masked.logsumexp
""".split()
"""Operations of the records that kilnn does not have."""


def _table() -> dict[tuple[str, str, str], tuple[set[str], str]]:
    table = {}
    for reason, lines in _DIFFERENCES.items():
        for line in lines.split("\n"):
            if line.strip():
                name, parts, *kinds = line.split()
                for part in parts.split(","):
                    for kind, _, numbers in (k.partition(":") for k in kinds):
                        table[name, part, kind] = set(numbers.split(",")), reason
    return table


_TABLE = _table()


def known(name: str, part: str, kind: str, number: int) -> str | None:
    """Why this part of a sample differs, if it is listed."""
    numbers, reason = _TABLE.get((name, part, kind), (set(), ""))
    return reason if numbers & {"*", str(number)} else None
