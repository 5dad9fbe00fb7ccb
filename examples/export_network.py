"""A residual network trained in PyTorch, or in JAX, saved so that `kutta spectrum` can study it.

    python examples/export_network.py jax net.safetensors --model net.ron
    kutta spectrum net.ron --weights net.safetensors

It needs numpy, safetensors, and torch or jax. Any network of this form can be studied,

    y(0) = tanh(W x + b0),   y' = tanh(K(t) y + b(t)) on [0, horizon],   z = H y(horizon) + c

with other fields under their own names. What matters are names and shapes (float64 or float32, rows first):

    opening.weight [width, features]   opening.bias [width]
    field.K [cells, width, width]      field.b [cells, width]
    head.weight [outputs, width]       head.bias [outputs]

A residual network of `depth` layers y <- y + h tanh(K_n y + b_n) is Euler's method with as many steps on weights that are
constant on each: `controls: PiecewiseConstant(cells: depth)`, and the coefficients are the layers' own.
"""

import argparse

import numpy as np
from safetensors.numpy import save_file

FEATURES, WIDTH, OUTPUTS, DEPTH, HORIZON = 2, 16, 2, 8, 4.0


def spirals(count=256, seed=1):
    """Two spirals, and which one a point is on."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    angle = 3.0 * np.pi * rng.random(count)
    radius = 0.1 + angle / (3.0 * np.pi)
    turn = angle + np.pi * labels
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1), labels


def initial(seed=1):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape) / np.sqrt(shape[-1])

    return {
        "opening.weight": normal(WIDTH, FEATURES),
        "opening.bias": np.zeros(WIDTH),
        "field.K": 0.3 * normal(DEPTH, WIDTH, WIDTH),
        "field.b": np.zeros((DEPTH, WIDTH)),
        "head.weight": normal(OUTPUTS, WIDTH),
        "head.bias": np.zeros(OUTPUTS),
    }


def with_torch(x, labels, epochs):
    import torch

    p = {name: torch.tensor(value, requires_grad=True) for name, value in initial().items()}
    x, labels = torch.tensor(x), torch.tensor(labels)
    optimiser = torch.optim.Adam(p.values(), lr=0.02)
    for _ in range(epochs):
        y = torch.tanh(x @ p["opening.weight"].T + p["opening.bias"])
        for k, b in zip(p["field.K"], p["field.b"]):
            y = y + HORIZON / DEPTH * torch.tanh(y @ k.T + b)
        loss = torch.nn.functional.cross_entropy(y @ p["head.weight"].T + p["head.bias"], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return {name: value.detach().numpy() for name, value in p.items()}, loss.item()


def with_jax(x, labels, epochs):
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def loss(p):
        y = jnp.tanh(x @ p["opening.weight"].T + p["opening.bias"])
        for k, b in zip(p["field.K"], p["field.b"]):
            y = y + HORIZON / DEPTH * jnp.tanh(y @ k.T + b)
        z = y @ p["head.weight"].T + p["head.bias"]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(len(labels)), labels])

    @jax.jit
    def update(p, m, v, n):
        value, gradient = jax.value_and_grad(loss)(p)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        rate = 0.02 * jnp.sqrt(1 - 0.999**n) / (1 - 0.9**n)
        return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), p, m, v), m, v, value

    p = {name: jnp.asarray(value) for name, value in initial().items()}
    m = v = jax.tree.map(jnp.zeros_like, p)
    for n in range(1, epochs + 1):
        p, m, v, value = update(p, m, v, float(n))
    return {name: np.asarray(value) for name, value in p.items()}, float(value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("by", choices=["torch", "jax"])
    parser.add_argument("out", help="the safetensors file")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--model", help="also write a model file that fits the weights")
    args = parser.parse_args()
    train = {"torch": with_torch, "jax": with_jax}[args.by]
    weights, loss = train(*spirals(), args.epochs)
    save_file({name: np.ascontiguousarray(value) for name, value in weights.items()}, args.out)
    print(f"loss {loss:.4f}; {args.out}")
    if args.model:
        with open(args.model, "w") as file:
            file.write(MODEL)


MODEL = f"""// A residual network from elsewhere: Euler's method on weights that are constant on each of its layers.
(
    data: Spirals(arms: 2, turns: 1.5, noise: 0.0, train: 256, validation: 0),
    network: (
        opening: Dense(width: {WIDTH}, activation: "tanh"),
        field: "resnet",
        controls: PiecewiseConstant(cells: {DEPTH}),
        horizon: {HORIZON},
        method: "euler",
        stepping: Fixed(steps: {DEPTH}),
    ),
    loss: "softmax",
    training: (optimiser: Adam(rate: 0.02), epochs: 300),
    seed: 1,
)
"""

if __name__ == "__main__":
    main()
