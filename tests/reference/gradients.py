"""Losses and exact gradients of small networks, by JAX, for the tests of kutta: writes gradients.json.

Straightforward code: the steps of the tableau are unrolled, the fields are written by hand beside their
formulas, and jax.grad does the rest. Where the weights are taken at a stage time is decided in exact
rationals. Nothing here was made from kutta's code; README.md says how to run it.
"""

import json
import math
from fractions import Fraction
from pathlib import Path

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax.nn import gelu, relu, sigmoid, silu, softplus
from numpy.polynomial import Legendre

jax.config.update("jax_enable_x64", True)


def exact(x):
    """The decimal number as it is written: 0.3 is 3/10."""
    return Fraction(str(x))


# --- Tableaus: a without its upper half, b; c is the sum of each row. ---------------------------------------

TABLEAUS = {  # name: (order of the main weights, a, b)
    "euler": (1, [[]], ["1"]),
    "heun2": (2, [[], ["1"]], ["1/2", "1/2"]),
    "kutta3": (3, [[], ["1/2"], ["-1", "2"]], ["1/6", "2/3", "1/6"]),
    "bs3": (3, [[], ["1/2"], ["0", "3/4"], ["2/9", "1/3", "4/9"]], ["2/9", "1/3", "4/9", "0"]),
    "rk4": (4, [[], ["1/2"], ["0", "1/2"], ["0", "0", "1"]], ["1/6", "1/3", "1/3", "1/6"]),
    "rk4_38": (4, [[], ["1/3"], ["-1/3", "1"], ["1", "-1", "1"]], ["1/8", "3/8", "3/8", "1/8"]),
    "dopri5": (
        5,
        [
            [],
            ["1/5"],
            ["3/40", "9/40"],
            ["44/45", "-56/15", "32/9"],
            ["19372/6561", "-25360/2187", "64448/6561", "-212/729"],
            ["9017/3168", "-355/33", "46732/5247", "49/176", "-5103/18656"],
            ["35/384", "0", "500/1113", "125/192", "-2187/6784", "11/84"],
        ],
        ["35/384", "0", "500/1113", "125/192", "-2187/6784", "11/84", "0"],
    ),
}

# Typed ones, whose stages lie outside the step: c = 0, 3/2 and c = 0, -1/2, 3/2.
BEYOND = (2, [[], ["3/2"]], ["2/3", "1/3"])
BEFORE_AND_BEYOND = (3, [[], ["-1/2"], ["45/14", "-12/7"]], ["11/9", "-5/12", "7/36"])


def nodes_of(a):
    return [sum(map(Fraction, row), Fraction(0)) for row in a]


# --- Weights in time. ---------------------------------------------------------------------------------------


def n_coefficients(basis):
    match basis:
        case {"kind": "Constant"}:
            return 1
        case {"kind": "PiecewiseConstant", "cells": n} | {"kind": "PiecewiseLinear", "nodes": n}:
            return n
        case {"kind": "Legendre", "degree": degree}:
            return degree + 1


def n_pieces(basis):
    match basis["kind"]:
        case "PiecewiseConstant":
            return basis["cells"]
        case "PiecewiseLinear":
            return basis["nodes"] - 1
    return 1


def holding_piece(basis, horizon, t):
    """At a break the later piece, at the horizon the last."""
    pieces = n_pieces(basis)
    assert 0 <= t <= horizon, "where a stage of a step with a break inside leaves the interval nothing is said"
    return min(math.floor(t / horizon * pieces), pieces - 1)


def basis_values(basis, horizon, t, piece):
    """The numbers p_i(t), exact, taken from a piece and extended where t lies outside it."""
    p = [Fraction(0)] * n_coefficients(basis)
    match basis["kind"]:
        case "Constant":
            p[0] = Fraction(1)
        case "PiecewiseConstant":
            p[piece] = Fraction(1)
        case "PiecewiseLinear":
            length = horizon / n_pieces(basis)
            s = (t - piece * length) / length
            p[piece], p[piece + 1] = 1 - s, s
        case "Legendre":
            x = 2 * t / horizon - 1
            for n in range(len(p)):
                terms = (math.comb(n, k) ** 2 * (x - 1) ** (n - k) * (x + 1) ** k for k in range(n + 1))
                p[n] = sum(terms, Fraction(0)) / 2**n
    return p


def stage_values(case):
    """For every step and stage its time and the p_i there."""
    basis, horizon = case["basis"], exact(case["horizon"])
    grid, c = [exact(t) for t in case["grid"]], nodes_of(case["tableau"]["a"])
    assert grid[0] == 0 and grid[-1] == horizon
    breaks = [horizon * i / n_pieces(basis) for i in range(1, n_pieces(basis))]
    steps = []
    for start, end in zip(grid, grid[1:]):
        inside = any(start < b < end for b in breaks)
        stages = []
        for ci in c:
            t = start + ci * (end - start)
            piece = holding_piece(basis, horizon, t if inside else (start + end) / 2)
            stages.append((float(t), [float(p) for p in basis_values(basis, horizon, t, piece)]))
        steps.append((float(end - start), stages))
    return steps


def roughness(basis, horizon, theta):
    """The integral of |dw/dt|^2; between cells of constant weights, squared jumps over the length of a cell."""
    theta = theta.reshape(theta.shape[0], -1)
    if basis["kind"] in ("PiecewiseConstant", "PiecewiseLinear"):
        return jnp.sum((theta[1:] - theta[:-1]) ** 2) * n_pieces(basis) / horizon
    total = 0.0
    for i in range(theta.shape[0]):
        for j in range(theta.shape[0]):
            p = [Legendre.basis(k, domain=[0, horizon]).deriv() for k in (i, j)]
            integral = (p[0] * p[1]).integ(lbnd=0)(horizon)
            total += integral * jnp.dot(theta[i], theta[j])
    return total


# --- The network. Samples are columns. ----------------------------------------------------------------------

ACTIVATIONS = {"tanh": jnp.tanh, "relu": relu, "softplus": softplus, "sigmoid": sigmoid}


def outputs(case, tensors, x):
    match case["opening"]:
        case {"kind": "Dense", "activation": name}:
            z = tensors["opening.weight"] @ x + tensors["opening.bias"][:, None]
            y = ACTIVATIONS[name](z)
        case {"kind": "Pad", "width": width}:
            y = jnp.concatenate([x, jnp.zeros((width - x.shape[0], x.shape[1]))])

    blocks = case["field"]["state"]
    ends = np.cumsum([rows for _, rows in blocks])

    def rate(t, y, p):
        parts = {name: y[end - rows : end] for (name, rows), end in zip(blocks, ends)}
        w = {}
        for name, *shape in case["field"]["weights"]:
            value = jnp.tensordot(jnp.array(p), tensors[f"field.{name}"], 1)
            # A vector is added to each sample.
            w[name] = value if len(shape) == 2 else value[:, None]
        slopes = case["function"](t, parts, w, dict(case["field"]["constants"]))
        return jnp.concatenate([slopes[name] for name, _ in blocks])

    a = [[float(Fraction(v)) for v in row] for row in case["tableau"]["a"]]
    b = [float(Fraction(v)) for v in case["tableau"]["b"]]
    for h, stages in stage_values(case):
        k = []
        for row, (t, p) in zip(a, stages):
            z = y
            for aij, kj in zip(row, k):
                z = z + h * aij * kj
            k.append(rate(t, z, p))
        for bi, ki in zip(b, k):
            y = y + h * bi * ki

    if case["head"] == "Linear":
        return tensors["head.weight"] @ y + tensors["head.bias"][:, None]
    return y


def mean_loss(case, tensors):
    x = jnp.array(case["x"]).T
    z = outputs(case, tensors, x)
    if "targets" in case:
        assert case["loss"] == "squares"
        return jnp.mean(jnp.sum((z - jnp.array(case["targets"]).T) ** 2, axis=0)) / 2
    labels = jnp.array(case["labels"])
    match case["loss"]:
        case "squares":
            return jnp.mean(jnp.sum((z - jax.nn.one_hot(labels, z.shape[0]).T) ** 2, axis=0)) / 2
        case "softmax":
            return jnp.mean(jax.nn.logsumexp(z, axis=0) - z[labels, jnp.arange(labels.size)])
        case "logistic":
            return jnp.mean(softplus(z[0]) - labels * z[0])


def objective(case, tensors, loss):
    if case["penalties"] is None:
        return loss
    alpha, beta = case["penalties"]["tikhonov"], case["penalties"]["smoothness"]
    squares = sum(jnp.sum(w**2) for w in tensors.values())
    rough = sum(
        roughness(case["basis"], case["horizon"], w) for name, w in tensors.items() if name.startswith("field.")
    )
    return loss + alpha / 2 * squares + beta / 2 * rough


# --- The cases. ---------------------------------------------------------------------------------------------


def dense(width, activation="tanh"):
    return {"kind": "Dense", "width": width, "activation": activation}


def pad(width):
    return {"kind": "Pad", "width": width}


def constant():
    return {"kind": "Constant"}


def cells(n):
    return {"kind": "PiecewiseConstant", "cells": n}


def linear(n):
    return {"kind": "PiecewiseLinear", "nodes": n}


def legendre(degree):
    return {"kind": "Legendre", "degree": degree}


def tableau(of):
    """A name of the catalogue, or a tableau that the model file writes out."""
    name, (order, a, b) = (of, TABLEAUS[of]) if isinstance(of, str) else (None, of)
    return {"name": name, "order": order, "a": a, "b": b}


def even(steps, horizon):
    return [float(exact(horizon) * i / steps) for i in range(steps + 1)]


def field(state, weights, rhs, constants=()):
    return {
        "state": [list(s) for s in state],
        "weights": [list(w) for w in weights],
        "constants": [list(c) for c in constants],
        "rhs": [list(r) for r in rhs],
    }


def resnet(n, activation="tanh"):
    return field([("y", n)], [("K", n, n), ("b", n)], [("y", f"{activation}(K*y + b)")])


def resnet_function(activation):
    return lambda t, s, w, c: {"y": activation(w["K"] @ s["y"] + w["b"])}


def antisymmetric_function(t, s, w, c):
    k = w["K"] - w["K"].T - c["g"] * jnp.eye(w["K"].shape[0])
    return {"y": jnp.tanh(k @ s["y"] + w["b"])}


def hamiltonian_function(t, s, w, c):
    k = w["K"]
    return {
        "q": k.T @ jnp.tanh(k @ s["p"] + w["b"]) - c["g"] * s["q"],
        "p": -k.T @ jnp.tanh(k @ s["q"] + w["b"]) - c["g"] * s["p"],
    }


def uneven_blocks_function(t, s, w, c):
    return {"q": w["K"].T @ jnp.tanh(s["p"] + w["a"]) - c["g"] * s["q"], "p": -jnp.tanh(w["K"] @ s["q"] + w["b"])}


def two_layer_function(t, s, w, c):
    return {"y": w["K2"] @ jnp.tanh(w["K1"] @ s["y"] + w["b1"]) + w["b2"]}


def parabolic_function(t, s, w, c):
    return {"y": -w["K"].T @ jnp.tanh(w["K"] @ s["y"] + w["b"])}


def time_function(t, s, w, c):
    y, z = s["y"], s["z"]
    return {
        "y": gelu(w["K"] @ z + t * w["b"], approximate=False) - jnp.sin(c["a"] * t) * y
        + jnp.exp(-t) * softplus(y) / jnp.sqrt(1 + y**2),
        "z": silu(w["L"] @ y + w["d"]) * sigmoid(z) - z**3 / 10 + t**2 * jnp.cos(z) + jnp.log(2 + z**2),
    }


def power_function(t, s, w, c):
    y = s["y"]
    rise = (1 + (w["K"] @ y) ** 2) ** -0.5 + (2**t - w["a"]) * jnp.exp(-y * y)
    return {"y": rise - w["b"] * y**2 / (1 + 2 * y**4) ** 1.5}


BLOCKS = [("q", 3), ("p", 3)]
HAMILTONIAN = field(
    BLOCKS,
    [("K", 3, 3), ("b", 3)],
    [("q", "K' * tanh(K*p + b) - g*q"), ("p", "-K' * tanh(K*q + b) - g*p")],
    [("g", 0.1)],
)
ANTISYMMETRIC = field(
    [("y", 4)], [("K", 4, 4), ("b", 4)], [("y", "tanh((K - K' - g*I)*y + b)")], [("g", 0.1)]
)
UNEVEN_BLOCKS = field(
    [("q", 2), ("p", 3)],
    [("K", 3, 2), ("a", 3), ("b", 3)],
    [("q", "K'*tanh(p + a) - g*q"), ("p", "-tanh(K*q + b)")],
    [("g", 0.25)],
)
TWO_LAYER = field(
    [("y", 3)],
    [("K1", 5, 3), ("b1", 5), ("K2", 3, 5), ("b2", 3)],
    [("y", "K2*tanh(K1*y + b1) + b2")],
)
PARABOLIC = field([("y", 4)], [("K", 3, 4), ("b", 3)], [("y", "-K'*tanh(K*y + b)")])
TIME = field(
    [("y", 3), ("z", 2)],
    [("K", 3, 2), ("b", 3), ("L", 2, 3), ("d", 2)],
    [
        ("y", "gelu(K*z + t*b) - sin(a*t)*y + exp(-t)*softplus(y) ./ sqrt(1 + y.^2)"),
        ("z", "silu(L*y + d) .* sigmoid(z) - z.^3/10 + t^2*cos(z) + log(2 + z.*z)"),
    ],
    [("a", 1.5)],
)
POWERS = field(
    [("y", 3)],
    [("K", 3, 3), ("a", 3), ("b", 3)],
    [("y", "(1 + (K*y).^2).^-0.5 + (2^t - a).*exp(-y.*y) - b.*y^2./(1 + 2*y.^4)^1.5")],
)

# Breaks of the weights are ends of steps, unless the name says that they lie inside.
CASES = [
    # name, opening, field, its function, basis, tableau, horizon, grid, head, loss, outputs, penalties
    ("resnet", dense(4), resnet(4), resnet_function(jnp.tanh),
     linear(5), "rk4", 2.0, even(4, 2.0), "Linear", "softmax", 3, None),
    ("antisymmetric, uneven steps on the nodes", dense(4), ANTISYMMETRIC, antisymmetric_function,
     linear(3), "heun2", 1.2, [0.0, 0.25, 0.6, 0.7, 1.2], "Linear", "softmax", 3, None),
    ("hamiltonian with friction", pad(6), HAMILTONIAN, hamiltonian_function,
     linear(4), "rk4_38", 3.0, even(3, 3.0), "Linear", "softmax", 4, None),
    ("blocks of unlike size, decimal jumps", pad(5), UNEVEN_BLOCKS, uneven_blocks_function,
     cells(3), "bs3", 0.9, [0.0, 0.3, 0.6, 0.9], "Identity", "squares", 5, None),
    ("two layers, uneven steps on the jumps", dense(3, "relu"), TWO_LAYER, two_layer_function,
     cells(4), "kutta3", 2.0, [0.0, 0.5, 0.75, 1.0, 1.5, 2.0], "Linear", "softmax", 3, None),
    ("parabolic", dense(4), PARABOLIC, parabolic_function,
     legendre(3), "dopri5", 1.4, even(3, 1.4), "Linear", "logistic", 1, None),
    ("time and functions", dense(5), TIME, time_function,
     linear(3), "rk4", 1.0, [0.0, 0.25, 0.5, 1.0], "Linear", "squares", 2, None),
    ("powers", dense(3, "softplus"), POWERS, power_function,
     constant(), "kutta3", 1.2, [0.0, 0.3, 0.8, 1.2], "Linear", "softmax", 3, None),
    ("relu", dense(5, "relu"), resnet(5, "relu"), resnet_function(relu),
     cells(2), "euler", 1.0, even(4, 1.0), "Linear", "softmax", 3, None),
    ("nodes inside steps", dense(4, "sigmoid"), resnet(4), resnet_function(jnp.tanh),
     linear(4), "rk4", 1.5, even(5, 1.5), "Linear", "softmax", 3, None),
    ("nodes inside steps of seven stages", dense(3), TWO_LAYER, two_layer_function,
     linear(4), "dopri5", 1.5, [0.0, 0.4, 0.8, 1.5], "Linear", "squares of classes", 3, None),
    ("jumps inside steps", dense(4), resnet(4), resnet_function(jnp.tanh),
     cells(4), "rk4", 2.0, [0.0, 0.25, 1.0, 2.0], "Linear", "softmax", 3, None),
    ("a stage beyond the step, jumps", dense(4), ANTISYMMETRIC, antisymmetric_function,
     cells(3), BEYOND, 1.5, [0.0, 0.5, 0.75, 1.0, 1.5], "Linear", "softmax", 3, None),
    ("stages before and beyond the step, nodes on and inside steps", dense(4), resnet(4), resnet_function(jnp.tanh),
     linear(5), BEFORE_AND_BEYOND, 2.0, [0.0, 0.5, 0.8, 1.1, 1.5, 2.0], "Linear", "softmax", 3, None),
    ("penalties on nodes", dense(3), resnet(3), resnet_function(jnp.tanh),
     linear(4), "heun2", 1.5, even(3, 1.5), "Linear", "logistic", 1, (0.01, 0.05)),
    ("penalties on cells", pad(4), PARABOLIC, parabolic_function,
     cells(3), "bs3", 2.4, [0.0, 0.8, 1.6, 2.4], "Linear", "softmax", 3, (0.002, 0.03)),
    ("penalties on Legendre polynomials, final state as output", pad(6), HAMILTONIAN, hamiltonian_function,
     legendre(4), "rk4", 2.5, [0.0, 0.5, 1.5, 2.5], "Identity", "squares", 6, (0.02, 0.004)),
]


def build(number, entry):
    name, opening, field, function, basis, method, horizon, grid, head, loss, outputs, penalties = entry
    rng = np.random.default_rng(number)
    draw = lambda scale, *shape: np.round(scale * rng.normal(size=shape), 4)
    samples, features = 5 + number % 5, 2 + number % 2
    case = {
        "name": name, "opening": opening, "field": field, "function": function, "horizon": horizon, "basis": basis,
        "tableau": tableau(method), "grid": grid, "head": head, "loss": loss.split()[0],
        "penalties": penalties and dict(zip(("tikhonov", "smoothness"), penalties)),
        "x": draw(1.0, samples, features).tolist(),
    }
    if loss == "squares":
        case["targets"] = draw(1.0, samples, outputs).tolist()
    else:
        case["labels"] = rng.integers(0, max(outputs, 2), size=samples).tolist()

    width = opening["width"]
    assert width == sum(rows for _, rows in field["state"])
    tensors = {}
    if opening["kind"] == "Dense":
        tensors["opening.weight"] = draw(0.8, width, features)
        tensors["opening.bias"] = draw(0.3, width)
    # Polynomials add up at the ends, nodes and cells do not.
    scale = 0.7 / math.sqrt(n_coefficients(basis)) if basis["kind"] == "Legendre" else 0.7
    for tensor, *shape in field["weights"]:
        tensors[f"field.{tensor}"] = draw(scale, n_coefficients(basis), *shape)
    if head == "Linear":
        tensors["head.weight"] = draw(0.8, outputs, width)
        tensors["head.bias"] = draw(0.3, outputs)
    return case, tensors


def check_order(order, a, b):
    """Exact conditions on all rooted trees up to the order, and not one order more. A tree is its branches."""
    a, b = [list(map(Fraction, row)) for row in a], list(map(Fraction, b))

    def grow(tree):
        yield tuple(sorted((*tree, ())))
        for i, branch in enumerate(tree):
            for grown in grow(branch):
                yield tuple(sorted((*tree[:i], grown, *tree[i + 1 :])))

    def size(tree):
        return 1 + sum(map(size, tree))

    def density(tree):
        return size(tree) * math.prod(map(density, tree))

    def stages(tree):
        branches = [stages(branch) for branch in tree]
        return [math.prod(sum(map(math.prod, zip(row, u)), Fraction(0)) for u in branches) for row in a]

    def holds(tree):
        return sum(map(math.prod, zip(b, stages(tree)))) == Fraction(1, density(tree))

    trees = {()}
    for _ in range(order):
        assert all(map(holds, trees)), (order, a, b)
        trees = {grown for tree in trees for grown in grow(tree)}
    assert not all(map(holds, trees)), (order, a, b)


def check_differences(loss, tensors, gradient):
    """Every entry of the gradient against a central difference."""
    flat, restore = jax.flatten_util.ravel_pytree(tensors)
    exact_gradient = jax.flatten_util.ravel_pytree(gradient)[0]
    h = 1e-5
    at = jax.jit(lambda flat: loss(restore(flat)))
    differences = [(at(flat + shift) - at(flat - shift)) / (2 * h) for shift in h * np.eye(flat.size)]
    worst = float(jnp.max(jnp.abs(jnp.array(differences) - exact_gradient)))
    assert worst < 1e-9 * max(1.0, float(jnp.max(jnp.abs(exact_gradient)))), worst
    return worst


def flat(tensors):
    return {name: {"shape": list(w.shape), "values": np.asarray(w).ravel().tolist()} for name, w in tensors.items()}


def ron(case):
    """The section `network` of a model file."""

    def variant(value):
        rest = ", ".join(f"{k}: {json.dumps(v)}" for k, v in value.items() if k != "kind")
        return f"{value['kind']}({rest})" if rest else value["kind"]

    def pairs(entries):
        return "{" + ", ".join(f'"{k}": {v}' for k, v in entries) + "}"

    f, tableau = case["field"], case["tableau"]
    weights = [(n, f"{'Matrix' if len(s) == 2 else 'Vector'}({', '.join(map(str, s))})") for n, *s in f["weights"]]
    formula = ", ".join([
        f"state: {pairs(f['state'])}", f"weights: {pairs(weights)}", f"constants: {pairs(f['constants'])}",
        f"rhs: {pairs((k, json.dumps(v)) for k, v in f['rhs'])}",
    ])
    typed = f"Tableau(a: {json.dumps(tableau['a'])}, b: {json.dumps(tableau['b'])})"
    method = json.dumps(tableau["name"]) if tableau["name"] else typed
    return (
        f"(opening: {variant(case['opening'])}, field: Formula({formula}), controls: {variant(case['basis'])}, "
        f"horizon: {case['horizon']}, method: {method}, stepping: Grid({case['grid']}), head: {case['head']})"
    )


def solve(number, entry):
    case, tensors = build(number, entry)
    loss = lambda tensors: mean_loss(case, tensors)
    start = {name: jnp.array(w) for name, w in tensors.items()}
    value, gradient = jax.jit(jax.value_and_grad(loss))(start)
    worst = check_differences(loss, start, gradient)
    assert all(jnp.any(g != 0) for g in gradient.values())
    print(f"{case['name']}: loss {value:.6f}, largest distance to central differences {worst:.1e}")
    case.update(network=ron(case), weights=flat(tensors))
    case["expected"] = {
        "loss": float(value),
        "objective": float(objective(case, start, value)),
        "gradient": {name: flat(gradient)[name] for name in tensors},
    }
    del case["function"], case["tableau"]["order"]
    return case


def main():
    for of in [*TABLEAUS.values(), BEYOND, BEFORE_AND_BEYOND]:
        check_order(*of)
    cases = [solve(number, entry) for number, entry in enumerate(CASES)]
    made_by = f"tests/reference/gradients.py with jax {jax.__version__}, numpy {np.__version__}"
    bodies = [",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in case.items()) for case in cases]
    text = ",\n".join("{\n" + body + "\n}" for body in bodies)
    Path(__file__).with_suffix(".json").write_text(f'{{"made_by": {json.dumps(made_by)}, "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
