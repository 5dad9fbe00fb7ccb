"""The work that is timed: one network, its data and its weights, in the files that kutta reads.

    y(0) = tanh(W x + b0),   y' = tanh(K(t) y + b(t)) on [0, 5],   z = H y(5) + c,   loss = mean softmax cross-entropy

K and b are linear between 9 nodes; the steps are equal and land on the nodes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FEATURES, CLASSES, NODES, HORIZON = 2, 5, 9, 5.0

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    width: int
    batch: int
    steps: int
    repeats: int  # gradients in one turn

    @property
    def name(self) -> str:
        return f"{self.width}-{self.batch}-{self.steps}"


CASES = [Case(16, 1000, 8, 300), Case(64, 1024, 16, 40), Case(256, 4096, 16, 5)]

MODEL = """(
    data: Npz(path: "data.npz", features: "x", labels: "y", standardise: false),
    network: (
        opening: Dense(width: {width}, activation: "tanh"),
        field: "resnet",
        controls: PiecewiseLinear(nodes: {nodes}),
        horizon: {horizon},
        method: "rk4",
        stepping: Fixed(steps: {steps}),
    ),
    loss: "softmax",
    training: (optimiser: Adam(rate: 0.01), epochs: 1, batch: {batch}),
    seed: 1,
)
"""


def draw(case: Case) -> tuple[Arrays, Arrays]:
    """Weights under the names of kutta's files, and data; normal, scaled by 1 / sqrt(columns)."""
    rng = np.random.default_rng(case.width)
    n = case.width
    weights = {
        "opening.weight": rng.normal(size=(n, FEATURES)) / np.sqrt(FEATURES),
        "opening.bias": 0.1 * rng.normal(size=n),
        "field.K": rng.normal(size=(NODES, n, n)) / np.sqrt(n),
        "field.b": 0.1 * rng.normal(size=(NODES, n)),
        "head.weight": rng.normal(size=(CLASSES, n)) / np.sqrt(n),
        "head.bias": 0.1 * rng.normal(size=CLASSES),
    }
    data = {"x": rng.normal(size=(case.batch, FEATURES)), "y": np.arange(case.batch) % CLASSES}
    return weights, data


def write(case: Case, folder: Path) -> Path:
    """Writes model.ron, weights.safetensors and data.npz into `folder`; returns the model's path."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, data = draw(case)
    save_file(weights, folder / "weights.safetensors")
    np.savez(folder / "data.npz", **data)
    model = folder / "model.ron"
    model.write_text(
        MODEL.format(width=case.width, nodes=NODES, horizon=HORIZON, steps=case.steps, batch=case.batch)
    )
    return model


def node_values(steps: int, parts: int) -> np.ndarray:
    """p[j, i]: how much of node i is in the weights at time j T / (steps parts); each row sums to 1."""
    times = np.arange(steps * parts + 1) * (NODES - 1) / (steps * parts)
    return np.maximum(0.0, 1.0 - np.abs(times[:, None] - np.arange(NODES)))
