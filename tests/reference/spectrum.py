"""Jacobians and eigenvalues for tests/spectrum.rs, by JAX and LAPACK (numpy).

Each case is one time: a field, its weights there, and states; with them the Jacobian of each state by jax.jacfwd, its
eigenvalues by numpy.linalg.eigvals, and the condition of its eigenvectors.
"""

import json
import sys

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np

STATES = 3


def resnet(w, y):
    return jnp.tanh(w["K"] @ y + w["b"])


def antisymmetric(w, y):
    n = y.shape[0]
    return jnp.tanh((w["K"] - w["K"].T - 0.1 * jnp.eye(n)) @ y + w["b"])


def hamiltonian(w, x):
    m = x.shape[0] // 2
    y, z = x[:m], x[m:]
    return jnp.concatenate(
        [w["K"].T @ jnp.tanh(w["K"] @ z + w["b"]), -w["K"].T @ jnp.tanh(w["K"] @ y + w["b"])]
    )


def parabolic(w, y):
    return -w["K"].T @ jnp.tanh(w["K"] @ y + w["b"])


def two_layer(w, y):
    return w["K2"] @ jnp.tanh(w["K1"] @ y + w["b1"])




CASES = [
    ("resnet", resnet, 16, {"K": (16, 16), "b": (16,)}),
    ("resnet", resnet, 1, {"K": (1, 1), "b": (1,)}),
    ("antisymmetric", antisymmetric, 8, {"K": (8, 8), "b": (8,)}),
    ("hamiltonian", hamiltonian, 10, {"K": (5, 5), "b": (5,)}),
    ("parabolic", parabolic, 6, {"K": (6, 6), "b": (6,)}),
    ("two_layer", two_layer, 7, {"K1": (7, 7), "b1": (7,), "K2": (7, 7)}),
]


def main():
    rng = np.random.default_rng(6)
    cases = []
    for name, f, width, shapes in CASES:
        scale = 1.0 / np.sqrt(width)
        weights = {k: np.round(scale * rng.standard_normal(s), 6) for k, s in shapes.items()}
        states = np.round(rng.standard_normal((STATES, width)), 6)
        jacobian = jax.jit(jax.jacfwd(f, argnums=1))
        entries = []
        for y in states:
            matrix = np.asarray(jacobian(weights, y))
            _, vectors = np.linalg.eig(matrix)
            values = sorted(np.linalg.eigvals(matrix), key=lambda v: (-v.real, -v.imag))
            entries.append(
                {
                    "jacobian": matrix.tolist(),
                    "eigenvalues": [[float(v.real), float(v.imag)] for v in values],
                    "condition": np.linalg.cond(vectors),
                }
            )
        cases.append(
            {
                "field": name,
                "width": width,
                "weights": {k: {"shape": list(w.shape), "values": w.ravel().tolist()} for k, w in weights.items()},
                "states": states.tolist(),
                "expected": entries,
            }
        )
    json.dump({"cases": cases}, sys.stdout)
    print()


main()
