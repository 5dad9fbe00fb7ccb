"""Solutions of ODEs for tests/adaptive.rs: SciPy's DOP853 at rtol 1e-12, and their condition.

    python tests/reference/adaptive.py > tests/reference/adaptive.json

kappa = max over t of the spectral norm of dy(T)/dy(t), from the variational equation of a formula
differentiated here by complex steps. Weights that are not smooth are solved for piece by piece.
"""

import json
import sys

import numpy as np
import scipy
from scipy.integrate import solve_ivp

TIMES = 60


def jacobian(f, t, y):
    """df/dy by complex steps: exact to rounding."""
    n = len(y)
    columns = [np.imag(f(t, y + 1e-30j * np.eye(n)[j])) / 1e-30 for j in range(n)]
    return np.stack(columns, axis=1)


def solve(f, y0, stops):
    """y(T) and kappa, f(piece) being the field between two stops."""
    n = len(y0)
    y, z, ways = np.array(y0, dtype=float), np.array(y0, dtype=float), []
    for piece, (a, b) in enumerate(zip(stops, stops[1:])):
        g = f(piece)

        def both(t, z):
            dy = np.real(g(t, z[:n]))
            return np.concatenate([dy, (jacobian(g, t, z[:n]) @ z[n:].reshape(n, n)).ravel()])

        tight = dict(method="DOP853", rtol=1e-12, atol=1e-14)
        y = solve_ivp(lambda t, y: np.real(g(t, y)), (a, b), y, **tight).y[:, -1]
        times = np.linspace(a, b, TIMES // (len(stops) - 1) + 1)
        for t, u in zip(times, times[1:]):
            # From one time to the next, for a product of many of them is known better than an inverse.
            end = solve_ivp(both, (t, u), np.concatenate([z, np.eye(n).ravel()]), method="DOP853", rtol=1e-10, atol=1e-12)
            z = end.y[:n, -1]
            ways.append(end.y[n:, -1].reshape(n, n))
    way, kappa = np.eye(n), 1.0
    for last in reversed(ways):
        way = way @ last
        kappa = max(kappa, np.linalg.norm(way, 2))
    return y, kappa


def formula(name, state, rhs, f, y0, horizon):
    y, kappa = solve(lambda _: f, np.array(y0), [0.0, horizon])
    blocks = ", ".join(f'"{s}": 1' for s in state)
    texts = ", ".join(f'"{s}": "{r}"' for s, r in zip(state, rhs))
    field = f"Formula(state: {{{blocks}}}, weights: {{}}, rhs: {{{texts}}})"
    return dict(name=name, field=field, controls="Constant", horizon=horizon, start=y0, theta=[],
                end=list(y), kappa=kappa)


def network(name, field, controls, pieces, horizon, width, matrix, seed):
    """tanh(matrix(K) y + b), the weights constant on each piece or linear between nodes."""
    rng = np.random.default_rng(seed)
    linear = controls == "PiecewiseLinear"
    K = 1.5 * rng.standard_normal((pieces + linear, width, width)) / np.sqrt(width)
    b = 0.5 * rng.standard_normal((pieces + linear, width))
    y0 = rng.standard_normal(width)
    h = horizon / pieces

    def of(piece):
        def f(t, y):
            s = t / h - piece
            weights = [(1 - s) * w[piece] + s * w[piece + 1] if linear else w[piece] for w in (K, b)]
            return np.tanh(matrix(weights[0]) @ y + weights[1])
        return f

    y, kappa = solve(of, y0, [horizon * i / pieces for i in range(pieces + 1)])
    key = "nodes" if linear else "cells"
    # Coefficient by coefficient, matrices by columns.
    theta = np.concatenate([np.concatenate([k.T.ravel(), c]) for k, c in zip(K, b)])
    return dict(name=name, field=f'"{field}"', controls=f"{controls}({key}: {pieces + linear})", horizon=horizon,
                start=list(y0), theta=list(theta), end=list(y), kappa=kappa)


def cases():
    s, c = np.sin, np.cos
    yield formula("oscillator", "qp", ["p", "-q"], lambda t, y: np.array([y[1], -y[0]]), [1.0, 0.0], 10.0)
    yield formula("van der Pol", "xv", ["v", "(1 - x.^2) .* v - x"],
                  lambda t, y: np.array([y[1], (1 - y[0] ** 2) * y[1] - y[0]]), [2.0, 0.0], 10.0)
    yield formula("pendulum", "qv", ["v", "-sin(q)"], lambda t, y: np.array([y[1], -s(y[0])]), [2.0, 0.0], 10.0)
    yield formula("Lotka-Volterra", "xy", ["x .* (1.5 - y)", "y .* (x - 3)"],
                  lambda t, y: np.array([y[0] * (1.5 - y[1]), y[1] * (y[0] - 3)]), [1.0, 1.0], 10.0)
    yield formula("Brusselator", "xy", ["1 + x.^2 .* y - 4*x", "3*x - x.^2 .* y"],
                  lambda t, y: np.array([1 + y[0] ** 2 * y[1] - 4 * y[0], 3 * y[0] - y[0] ** 2 * y[1]]),
                  [1.5, 3.0], 10.0)
    yield formula("Lorenz", "xyz", ["10 * (y - x)", "x .* (28 - z) - y", "x .* y - 2.6666666666666665 * z"],
                  lambda t, y: np.array([10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1],
                                         y[0] * y[1] - 2.6666666666666665 * y[2]]), [1.0, 1.0, 1.0], 2.0)
    # DETEST (Hull, Enright, Fellen and Sedgwick, SIAM J. Numer. Anal. 9, 1972): those without a known solution.
    yield formula("DETEST B1", "xy", ["2 * (x - x .* y)", "-(y - x .* y)"],
                  lambda t, y: np.array([2 * (y[0] - y[0] * y[1]), -(y[1] - y[0] * y[1])]), [1.0, 3.0], 20.0)
    yield formula("DETEST B2", "xyz", ["-x + y", "x - 2*y + z", "y - z"],
                  lambda t, y: np.array([-y[0] + y[1], y[0] - 2 * y[1] + y[2], y[1] - y[2]]), [2.0, 0.0, 1.0], 20.0)
    yield formula("DETEST B5", "xyz", ["y .* z", "-x .* z", "-0.51 * x .* y"],
                  lambda t, y: np.array([y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]]), [0.0, 1.0, 1.0], 20.0)
    yield network("residual network", "resnet", "PiecewiseLinear", 4, 3.0, 4, lambda k: k, 1)
    skew = lambda k: k - k.T - 0.1 * np.eye(len(k))
    yield network("antisymmetric network", "antisymmetric", "PiecewiseConstant", 3, 4.0, 5, skew, 2)


if __name__ == "__main__":
    made = f"SciPy {scipy.__version__}, DOP853, rtol 1e-12"
    json.dump(dict(made_by=made, cases=list(cases())), sys.stdout, indent=1)
    print()
