"""Second derivatives of every row of the tables against PyTorch: gradient formulas are differentiable programs too."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from tests.ops.harness import Job, Row, outputs_of, to_torch

MODULES = "arithmetic elementary selection creation reduction sorting shaping joining indexing gathering matmul".split()

# 0 ** 0: PyTorch's gradient formula divides 0 by 0 there.
SKIPPED = {"pow-Fixed,Fixed-()"}
# Its gradient is JAX's own of a multiplying scatter, which JAX cannot differentiate again.
ONCE = ("scatter_combined",)


def weights(job: Job) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [np.asarray(rng.standard_normal(job.arrays[k].shape)) for k in job.wanted]


def ours_of(jobs: list[Job]) -> list[tuple[list, list]]:
    """For each job, the gradients of a weighted sum of its gradients, by operand and by cotangent."""

    def second(job, operands, floating, ws):
        arrays, cotangents = list(job.arrays), list(job.cotangents)
        for k, a in zip(job.wanted, operands, strict=True):
            arrays[k] = a
        for k, c in floating.items():
            cotangents[k] = c
        grads = job.compute(arrays, cotangents)[1]
        return sum(jnp.sum(g * w) for g, w in zip(grads, ws, strict=True))

    def program(data):
        return [
            jax.grad(lambda a, c, job=job, w=w: second(job, a, c, w), argnums=(0, 1))(operands, floating)
            for job, (operands, floating, w) in zip(jobs, data, strict=True)
        ]

    data = [
        (
            [job.arrays[k] for k in job.wanted],
            {k: c for k, c in enumerate(job.cotangents) if c.dtype.kind == "f"},
            weights(job),
        )
        for job in jobs
    ]
    with jax.enable_x64(True):
        found = jax.jit(program)(data)
    return [([*map(np.asarray, a)], [np.asarray(c[k]) for k in sorted(c)]) for a, c in found]


def theirs_of(row: Row, job: Job) -> list[np.ndarray | None] | None:
    tensors = [to_torch(x) for x in job.operands]
    for k in job.wanted:
        tensors[k].requires_grad_(True)
    outs = outputs_of(row.oracle(*tensors))
    floating = [k for k, t in enumerate(outs) if t.is_floating_point()]
    cts = [torch.tensor(job.cotangents[k]).requires_grad_(True) for k in floating]
    wanted = [tensors[k] for k in job.wanted]
    first = torch.autograd.grad([outs[k] for k in floating], wanted, cts, create_graph=True, allow_unused=True)
    terms = [(g * torch.tensor(w)).sum() for g, w in zip(first, weights(job), strict=True) if g is not None]
    total = sum(terms)
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return [None] * (len(wanted) + len(cts))
    found = torch.autograd.grad(total, [*wanted, *cts], allow_unused=True)
    return [None if g is None else g.detach().numpy(force=True) for g in found]


@pytest.mark.parametrize("name", MODULES)
def test_second_derivatives(name):
    rows = [row for row in importlib.import_module(f"tests.ops.test_{name}").ROWS if str(row) not in SKIPPED]
    rows = [row for row in rows if not str(row).startswith(ONCE)]
    pairs = [(row, Job(row, "float64", True)) for row in rows]
    pairs = [(row, job) for row, job in pairs if job.wanted]
    compared = 0
    for (row, job), (operands, cotangents) in zip(pairs, ours_of([job for _, job in pairs]), strict=True):
        expected = theirs_of(row, job)
        for ours, theirs in zip([*operands, *cotangents], expected, strict=True):
            wanted = np.zeros(ours.shape) if theirs is None else theirs
            np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-8, err_msg=str(row))
            compared += 1
    assert compared > len(pairs)
