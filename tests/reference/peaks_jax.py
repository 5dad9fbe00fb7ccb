"""The training of models/peaks.ron in JAX: how well, and how fast, another program does it.

    python peaks_jax.py 1 2 3 4 5
    python peaks_jax.py 1 2 3 --scale 0.3 --nodes same --affine uniform
    python peaks_jax.py 1 2 3 4 5 6 7 8 9 10 --survey

Opening y(0) = tanh(W x + b), flow y' = tanh(K(t) y + b(t)) on [0, 5] with weights linear between 9 nodes,
8 steps of rk4, linear head, softmax; Adam at 0.02 with a cosine down to 0, 300 epochs of 4 batches of 250.
Random numbers are numpy's, so that a seed means something else here than in kutta.
"""

import argparse
import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

CLASSES, SAMPLES, WIDTH, NODES, HORIZON = 5, 1000, 16, 9, 5.0
EPOCHS, BATCH, RATE = 300, 250, 0.02
UPDATES = EPOCHS * (SAMPLES // BATCH)
SCALES, NODE_KINDS, AFFINE_KINDS = (0.1, 0.3, 1.0), ("same", "independent"), ("normal", "uniform")


def peaks(x, y):
    return (
        3 * (1 - x) ** 2 * np.exp(-(x**2) - (y + 1) ** 2)
        - 10 * (x / 5 - x**3 - y**5) * np.exp(-(x**2) - y**2)
        - np.exp(-((x + 1) ** 2) - y**2) / 3
    )


def data(rng):
    """Training and validation points have none in common; the same number of each class, no point twice."""
    axis = np.linspace(-3, 3, 256)
    points = np.array(list(itertools.product(axis, axis)))
    z = peaks(*points.T)
    classes = np.clip(np.ceil((z - z.min()) / (z.max() - z.min()) * CLASSES), 1, CLASSES).astype(int) - 1
    each = SAMPLES // CLASSES
    drawn = [rng.choice(np.flatnonzero(classes == k), 2 * each, replace=False) for k in range(CLASSES)]
    parts = [np.concatenate([d[:each] for d in drawn]), np.concatenate([d[each:] for d in drawn])]
    return [(points[i].T, classes[i]) for i in parts]


def initial(rng, scale, nodes, affine):
    def layer(rows, cols):
        if affine == "normal":
            return rng.normal(size=(rows, cols)) / np.sqrt(cols)
        return rng.uniform(-1, 1, size=(rows, cols)) / np.sqrt(cols)

    shape = (NODES if nodes == "independent" else 1, WIDTH, WIDTH)
    k = scale / np.sqrt(WIDTH) * rng.normal(size=shape)
    return {
        "opening.weight": layer(WIDTH, 2),
        "opening.bias": np.zeros(WIDTH),
        "field.K": np.broadcast_to(k, (NODES, WIDTH, WIDTH)).copy(),
        "field.b": np.zeros((NODES, WIDTH)),
        "head.weight": layer(CLASSES, WIDTH),
        "head.bias": np.zeros(CLASSES),
    }


def outputs(p, x):
    """The nodes are the ends of the steps, so that the middle of a step is the mean of two nodes."""
    h = HORIZON / (NODES - 1)
    ends = (p["field.K"], p["field.b"][:, :, None])

    def step(y, w):
        (k0, b0), (k1, b1), (k2, b2) = w
        s1 = jnp.tanh(k0 @ y + b0)
        s2 = jnp.tanh(k1 @ (y + h / 2 * s1) + b1)
        s3 = jnp.tanh(k1 @ (y + h / 2 * s2) + b1)
        s4 = jnp.tanh(k2 @ (y + h * s3) + b2)
        return y + h / 6 * (s1 + 2 * s2 + 2 * s3 + s4), None

    left, right = [e[:-1] for e in ends], [e[1:] for e in ends]
    middle = [(a + b) / 2 for a, b in zip(left, right)]
    y = jnp.tanh(p["opening.weight"] @ x + p["opening.bias"][:, None])
    y, _ = jax.lax.scan(step, y, (left, middle, right), unroll=NODES - 1)
    return p["head.weight"] @ y + p["head.bias"][:, None]


def mean_loss(z, labels):
    return jnp.mean(jax.nn.logsumexp(z, axis=0) - z[labels, jnp.arange(labels.size)])


def loss(p, x, labels):
    return mean_loss(outputs(p, x), labels)


def score(p, x, labels):
    """Loss and accuracy."""
    z = outputs(p, x)
    return mean_loss(z, labels), jnp.mean(jnp.argmax(z, axis=0) == labels)


@jax.jit
def train(p, x, labels, validation_x, validation_labels, order):
    """`order`: epochs x updates x batch, the samples of each update. The whole training is one compiled scan, which
    scores both parts after every epoch, as kutta's history has them."""

    def update(carry, now):
        p, m, v = carry
        number, batch = now
        g = jax.grad(loss)(p, x[:, batch], labels[batch])
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = RATE * (1 + jnp.cos(jnp.pi * number / UPDATES)) / 2
        m1, v1 = 1 - 0.9 ** (number + 1), 1 - 0.999 ** (number + 1)
        p = jax.tree.map(lambda p, m, v: p - rate * (m / m1) / (jnp.sqrt(v / v1) + 1e-8), p, m, v)
        return (p, m, v), None

    def epoch(carry, now):
        carry, _ = jax.lax.scan(update, carry, now)
        p = carry[0]
        return carry, (*score(p, x, labels), *score(p, validation_x, validation_labels))

    zero = jax.tree.map(jnp.zeros_like, p)
    numbers = jnp.arange(UPDATES, dtype=jnp.float64).reshape(EPOCHS, -1)
    (p, _, _), history = jax.lax.scan(epoch, (p, zero, zero), (numbers, order))
    return p, history


class Run:
    """Compiles once, then trains from any seed."""

    def __init__(self):
        self.compiled, self.compile_seconds = None, 0.0

    def __call__(self, seed, scale, nodes, affine):
        # One stream each for data, weights and order: the initialisation moves nothing else.
        streams = [np.random.default_rng([seed, k]) for k in range(3)]
        (x, labels), validation = data(streams[0])
        p = jax.tree.map(jnp.asarray, initial(streams[1], scale, nodes, affine))
        order = np.stack([streams[2].permutation(SAMPLES) for _ in range(EPOCHS)]).reshape(EPOCHS, -1, BATCH)
        arguments = p, *map(jnp.asarray, (x, labels, *validation, order))
        if self.compiled is None:
            start = time.perf_counter()
            self.compiled = train.lower(*arguments).compile()
            self.compile_seconds = time.perf_counter() - start
        start = time.perf_counter()
        _, history = jax.block_until_ready(self.compiled(*arguments))
        seconds = time.perf_counter() - start
        return {
            "loss": float(history[0][-1]),
            "train": float(history[1][-1]),
            "validation": float(history[3][-1]),
            "seconds": seconds,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--scale", type=float, default=0.3, help="K ~ N(0, scale^2 / width)")
    parser.add_argument("--nodes", choices=NODE_KINDS, default="same", help="K at the nodes")
    parser.add_argument("--affine", choices=AFFINE_KINDS, default="normal",
                        help="opening and head: N(0, 1 / fan-in) or U(-1, 1) / sqrt(fan-in); biases are 0")
    parser.add_argument("--survey", action="store_true", help="every initialisation, a line each")
    options = parser.parse_args()
    run = Run()
    if options.survey:
        print("scale  nodes        affine    median   min      max      train    accuracies of validation", flush=True)
        for affine, nodes, scale in itertools.product(AFFINE_KINDS, NODE_KINDS, SCALES):
            results = [run(seed, scale, nodes, affine) for seed in options.seeds]
            v = np.array([r["validation"] for r in results])
            t = np.median([r["train"] for r in results])
            print(f"{scale:<5}  {nodes:<11}  {affine:<8}  {np.median(v):.4f}   {v.min():.3f}    {v.max():.3f}    "
                  f"{t:.4f}   {' '.join(f'{a:.3f}' for a in v)}", flush=True)
        return
    results = []
    for seed in options.seeds:
        r = run(seed, options.scale, options.nodes, options.affine)
        results.append(r)
        print(f"seed {seed}: validation accuracy {r['validation']:.3f}, train accuracy {r['train']:.3f}, "
              f"train loss {r['loss']:.5f}, {r['seconds']:.2f} s", flush=True)
    v = [r["validation"] for r in results]
    print(f"median {np.median(v):.4f}, minimum {min(v):.3f}; compile {run.compile_seconds:.2f} s, "
          f"training {np.median([r['seconds'] for r in results]):.2f} s (median)")


if __name__ == "__main__":
    main()
