"""JAX: one jitted value_and_grad in float64. The weights at all stage times of rk4, t_n, t_n + h/2 and t_n+1, are one
matrix product; the steps are a scan, rolled or unrolled, or a Python loop. Samples are rows or columns, whole, or
divided over the cores (shard_map), there also in blocks whose states stay in the cache.
"""

import os

CORES = os.cpu_count() or 1
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={CORES} {os.environ.get('XLA_FLAGS', '')}"

from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.sharding import NamedSharding, PartitionSpec  # noqa: E402

from case import HORIZON, Arrays, Case, node_values  # noqa: E402

jax.config.update("jax_enable_x64", True)

Weights = dict[str, jax.Array]
Block = tuple[jax.Array, jax.Array]  # features, a sample a row, and labels


def loss(steps: int, columns: bool, unroll: int | None, p: Weights, block: Block) -> jax.Array:
    """Mean softmax cross-entropy; `unroll` None writes the steps out by a Python loop."""
    x, labels = block
    h = HORIZON / steps
    along_time = jnp.asarray(node_values(steps, 2))
    k, b = jnp.tensordot(along_time, p["field.K"], 1), along_time @ p["field.b"]

    def affine(w: jax.Array, y: jax.Array, c: jax.Array) -> jax.Array:
        return w @ y + c[:, None] if columns else y @ w.T + c

    def step(y: jax.Array, w: tuple[Block, Block, Block]) -> tuple[jax.Array, None]:
        (k0, b0), (k1, b1), (k2, b2) = w
        s1 = jnp.tanh(affine(k0, y, b0))
        s2 = jnp.tanh(affine(k1, y + h / 2 * s1, b1))
        s3 = jnp.tanh(affine(k1, y + h / 2 * s2, b1))
        s4 = jnp.tanh(affine(k2, y + h * s3, b2))
        return y + h / 6 * (s1 + 2 * s2 + 2 * s3 + s4), None

    y = jnp.tanh(affine(p["opening.weight"], x.T if columns else x, p["opening.bias"]))
    starts, middles, ends = slice(0, -1, 2), slice(1, None, 2), slice(2, None, 2)
    stages = tuple((k[part], b[part]) for part in (starts, middles, ends))
    if unroll is None:
        for n in range(steps):
            y, _ = step(y, jax.tree.map(lambda w: w[n], stages))
    else:
        y, _ = jax.lax.scan(step, y, stages, unroll=unroll)
    z = affine(p["head.weight"], y, p["head.bias"])
    z = z.T if columns else z
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(labels.size), labels])


def in_blocks(gradient: Callable[..., Any], blocks: int, p: Weights, data: Block) -> Any:
    """The mean of the gradients of equal blocks, one after the other."""
    if blocks == 1:
        return gradient(p, data)
    cut = jax.tree.map(lambda a: a.reshape(blocks, -1, *a.shape[1:]), data)

    def add(total: Any, block: Block) -> tuple[Any, None]:
        return jax.tree.map(lambda s, g: s + g / blocks, total, gradient(p, block)), None

    zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, p))
    return jax.lax.scan(add, zero, cut)[0]


def divided(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """The samples over the cores, a device a core; the mean of what the cores have."""

    def of_part(p: Weights, data: Block) -> Any:
        return jax.tree.map(lambda g: jax.lax.pmean(g, "cores"), gradient(p, data))

    whole, parts = PartitionSpec(), PartitionSpec("cores")
    mesh = jax.make_mesh((CORES,), ("cores",))
    return jax.shard_map(of_part, mesh=mesh, in_specs=(whole, parts), out_specs=whole, check_vma=False)


def ready(gradient: Callable[..., Any], p: Weights, data: Block) -> Callable[[], Any]:
    compiled = jax.jit(gradient)
    return lambda: jax.block_until_ready(compiled(p, data))


def on_cores(p: Weights, data: Block) -> tuple[Weights, Block]:
    """Weights on every core, samples divided among them: no copying in what is timed."""
    mesh = jax.make_mesh((CORES,), ("cores",))
    whole, parts = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("cores"))
    return jax.device_put(p, whole), jax.device_put(data, parts)


def variants(case: Case, weights: Arrays, x: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], Any]]:
    p, data = jax.tree.map(jnp.asarray, weights), (jnp.asarray(x), jnp.asarray(labels))
    blocks = [count for count in (1, 2, 4) if case.batch % (CORES * count) == 0]
    placed = on_cores(p, data) if blocks else None
    found = {}
    for columns, layout in ((True, "columns"), (False, "rows")):
        for unroll, form in ((1, "scan"), (4, "scan unrolled by 4"), (case.steps, "scan unrolled"), (None, "loop")):
            gradient = jax.value_and_grad(partial(loss, case.steps, columns, unroll))
            found[f"{layout}, {form}"] = ready(gradient, p, data)
        for count in blocks:
            name = f"{layout}, loop, {CORES} devices" + (f", {count} blocks on each" if count > 1 else "")
            found[name] = ready(divided(partial(in_blocks, gradient, count)), *placed)
    return found
