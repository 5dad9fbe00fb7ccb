"""PyTorch: value and gradient in float64 on all cores. The weights at all stage times of rk4, t_n, t_n + h/2 and
t_n+1, are one matrix product, K y + b one addmm. Eager, or loss and gradient compiled as one graph (torch.func,
torch.compile). Samples are rows or columns, threads one or all.
"""

import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from case import HORIZON, Arrays, Case, node_values

THREADS = sorted({1, os.cpu_count() or 1})

Weights = dict[str, torch.Tensor]
Data = tuple[torch.Tensor, torch.Tensor]  # features, a sample a row, and labels
Gradient = Callable[[], tuple[torch.Tensor, Weights]]
Elementwise = Callable[[torch.Tensor], torch.Tensor]


def tanh_by_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """tanh x = 2 sigmoid(2x) - 1, off by a rounding of 1; in float64 often faster than torch.tanh."""
    return 2 * torch.sigmoid(2 * x) - 1


def affine(columns: bool, w: torch.Tensor, y: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """W y + c of every sample."""
    return torch.addmm(c[:, None], w, y) if columns else torch.addmm(c, y, w.t())


def at_times(p: Weights, along_time: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """K and b at all times. One unbind, since indexing would add a whole array a time on the way back."""
    k = (along_time @ p["field.K"].flatten(1)).unflatten(1, p["field.K"].shape[1:])
    return k.unbind(), (along_time @ p["field.b"]).unbind()


def loss(
    steps: int, along_time: torch.Tensor, columns: bool, tanh: Elementwise, p: Weights, data: Data
) -> torch.Tensor:
    x, labels = data
    h = HORIZON / steps
    k, b = at_times(p, along_time)

    def rate(time: int, y: torch.Tensor) -> torch.Tensor:
        return tanh(affine(columns, k[time], y, b[time]))

    y = tanh(affine(columns, p["opening.weight"], x.t() if columns else x, p["opening.bias"]))
    for n in range(steps):
        s1 = rate(2 * n, y)
        s2 = rate(2 * n + 1, torch.add(y, s1, alpha=h / 2))
        s3 = rate(2 * n + 1, torch.add(y, s2, alpha=h / 2))
        s4 = rate(2 * n + 2, torch.add(y, s3, alpha=h))
        y = torch.add(y, torch.add(s1 + s4, s2 + s3, alpha=2), alpha=h / 6)
    z = affine(columns, p["head.weight"], y, p["head.bias"])
    return cross_entropy(z.t() if columns else z, labels)


def tensors(weights: Arrays, x: np.ndarray, labels: np.ndarray) -> tuple[Weights, Data]:
    return {name: torch.tensor(w) for name, w in weights.items()}, (torch.tensor(x), torch.tensor(labels))


def by_autograd(value: Callable[[Weights, Data], torch.Tensor], p: Weights, data: Data) -> Gradient:
    leaves = {name: w.clone().requires_grad_() for name, w in p.items()}

    def gradient() -> tuple[torch.Tensor, Weights]:
        mean = value(leaves, data)
        return mean.detach(), dict(zip(leaves, torch.autograd.grad(mean, list(leaves.values()))))

    return gradient


def as_one_graph(value: Callable[[Weights, Data], torch.Tensor], p: Weights, data: Data) -> Gradient:
    """torch.func gives (gradient, value); the graph holds the way forward and the way back."""
    compiled = torch.compile(torch.func.grad_and_value(value), fullgraph=True, dynamic=False)

    def gradient() -> tuple[torch.Tensor, Weights]:
        with torch.no_grad():
            parts, mean = compiled(p, data)
        return mean, parts

    return gradient


def on_threads(count: int, gradient: Gradient) -> Gradient:
    def limited() -> tuple[torch.Tensor, Weights]:
        torch.set_num_threads(count)
        return gradient()

    return limited


def on_each_count_of_threads(makers: dict[str, Callable[[], Gradient]]) -> dict[str, Gradient]:
    """One gradient for each count: what is compiled for some threads is not used on others."""
    return {
        f"{name}, {count} thread{'s' * (count > 1)}": on_threads(count, make())
        for count in THREADS
        for name, make in makers.items()
    }


def variants(case: Case, weights: Arrays, x: np.ndarray, labels: np.ndarray) -> dict[str, Gradient]:
    p, data = tensors(weights, x, labels)
    value = partial(loss, case.steps, torch.tensor(node_values(case.steps, 2)))
    makers: dict[str, Callable[[], Gradient]] = {}
    for columns, layout in ((True, "columns"), (False, "rows")):
        by_sigmoid = partial(value, columns, tanh_by_sigmoid)
        makers[f"{layout}, eager"] = partial(by_autograd, partial(value, columns, torch.tanh), p, data)
        makers[f"{layout}, eager, tanh by sigmoid"] = partial(by_autograd, by_sigmoid, p, data)
        makers[f"{layout}, compiled, tanh by sigmoid"] = partial(as_one_graph, by_sigmoid, p, data)
    return on_each_count_of_threads(makers)
