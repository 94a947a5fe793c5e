"""The cases written by hand in JAX: one jitted function for the whole step, all state donated."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import BATCHES, Mlp, Steps, Transformer


def mlp(case: Mlp) -> Steps:
    rng = np.random.default_rng(1)
    params = []
    for a, b in zip(case.sizes[:-1], case.sizes[1:], strict=True):
        bound = 1 / math.sqrt(a)
        params.append(jnp.asarray(rng.uniform(-bound, bound, (b, a)).astype(np.float32)))
        params.append(jnp.asarray(rng.uniform(-bound, bound, b).astype(np.float32)))

    def loss_of(params, x, y):
        for i in range(0, len(params), 2):
            x = x @ params[i].T + params[i + 1]
            if i + 2 < len(params):
                x = jax.nn.relu(x)
        logp = jax.nn.log_softmax(x)
        return -jnp.take_along_axis(logp, y[:, None], 1).mean()

    step = adam_step(loss_of, lr=1e-3)
    data = [(jnp.asarray(x), jnp.asarray(y)) for x, y in case.data()]
    return run_jax(step, params, data)


def transformer(case: Transformer) -> Steps:
    width, heads, length = case.width, case.heads, case.length
    rng = np.random.default_rng(1)

    def uniform(*shape: int) -> Any:
        bound = 1 / math.sqrt(shape[-1])
        return jnp.asarray(rng.uniform(-bound, bound, shape).astype(np.float32))

    def linear(a: int, b: int) -> tuple[Any, Any]:
        return uniform(b, a), uniform(b)

    def norm() -> tuple[Any, Any]:
        return jnp.ones(width), jnp.zeros(width)

    blocks = [
        (
            norm(),
            linear(width, 3 * width),
            linear(width, width),
            norm(),
            linear(width, 4 * width),
            linear(4 * width, width),
        )
        for _ in range(case.depth)
    ]
    tables = (uniform(case.vocabulary, width), uniform(length, width))
    params = (*tables, blocks, norm(), linear(width, case.vocabulary))
    future = np.triu(np.ones((length, length), bool), 1)

    def layer_norm(p, x):
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(var + 1e-5) * p[0] + p[1]

    def affine(p, x):
        return x @ p[0].T + p[1]

    def apply(block, x):
        norm1, qkv, proj, norm2, up, down = block
        b, t, d = x.shape
        q, k, v = jnp.split(affine(qkv, layer_norm(norm1, x)), 3, axis=2)
        q, k, v = (a.reshape(b, t, heads, d // heads).transpose(0, 2, 1, 3) for a in (q, k, v))
        scores = jnp.where(future, -jnp.inf, q @ k.swapaxes(-1, -2) / math.sqrt(d // heads))
        y = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(b, t, d)
        x = x + affine(proj, y)
        return x + affine(down, jax.nn.gelu(affine(up, layer_norm(norm2, x)), approximate=False))

    def loss_of(params, ids, y):
        tokens, places, blocks, last, head = params
        x = tokens[ids] + places[jnp.arange(ids.shape[1])]
        for block in blocks:
            x = apply(block, x)
        logp = jax.nn.log_softmax(affine(head, layer_norm(last, x)))
        return -jnp.take_along_axis(logp, y[..., None], 2).mean()

    data = [(jnp.asarray(x), jnp.asarray(y)) for x, y in case.data()]
    return run_jax(adam_step(loss_of, lr=1e-4), params, data)


def adam_step(loss_of: Callable, lr: float) -> Callable:
    """The usual hand-written step: one jitted function, parameters and state donated."""

    def step(state, x, y):
        params, m, v, count = state
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        count = count + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        c1, c2 = 1 - 0.9**count, 1 - 0.999**count
        params = jax.tree.map(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), params, m, v)
        return (params, m, v, count), loss

    return jax.jit(step, donate_argnums=0)


def run_jax(step: Callable, params: Any, data: list) -> Steps:
    zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
    state = (params, *zeros, jnp.zeros((), jnp.float32))

    def steps(n: int) -> float:
        nonlocal state
        for i in range(n):
            state, loss = step(state, *data[i % BATCHES])
        return float(loss)

    return steps


def build(case: Any) -> Steps:
    return mlp(case) if isinstance(case, Mlp) else transformer(case)
