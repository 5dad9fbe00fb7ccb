"""PyTorch: value and gradient in float64 on all cores. The weights at all stage times of rk4, t_n, t_n + h/2 and
t_n+1, are one matrix product, K y + b one addmm. Eager, or compiled: the loss (torch.compile, then autograd), or loss
and gradient as one graph (torch.func). Samples are rows or columns.
"""

import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from case import HORIZON, Arrays, Case, node_values

torch.set_num_threads(os.cpu_count() or 1)

Weights = dict[str, torch.Tensor]
Data = tuple[torch.Tensor, torch.Tensor]  # features, a sample a row, and labels
Gradient = Callable[[], tuple[torch.Tensor, Weights]]


def affine(columns: bool, w: torch.Tensor, y: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """W y + c of every sample."""
    return torch.addmm(c[:, None], w, y) if columns else torch.addmm(c, y, w.t())


def at_times(p: Weights, along_time: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """K and b at all times. One unbind, since indexing would add a whole array a time on the way back."""
    k = (along_time @ p["field.K"].flatten(1)).unflatten(1, p["field.K"].shape[1:])
    return k.unbind(), (along_time @ p["field.b"]).unbind()


def loss(steps: int, columns: bool, along_time: torch.Tensor, p: Weights, data: Data) -> torch.Tensor:
    x, labels = data
    h = HORIZON / steps
    k, b = at_times(p, along_time)

    def rate(time: int, y: torch.Tensor) -> torch.Tensor:
        return torch.tanh(affine(columns, k[time], y, b[time]))

    y = torch.tanh(affine(columns, p["opening.weight"], x.t() if columns else x, p["opening.bias"]))
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
        l = value(leaves, data)
        return l.detach(), dict(zip(leaves, torch.autograd.grad(l, list(leaves.values()))))

    return gradient


def as_one_graph(value: Callable[[Weights, Data], torch.Tensor], p: Weights, data: Data, **options) -> Gradient:
    """torch.func gives (gradient, value); the graph holds the way forward and the way back."""
    compiled = torch.compile(torch.func.grad_and_value(value), fullgraph=True, dynamic=False, **options)

    def gradient() -> tuple[torch.Tensor, Weights]:
        with torch.no_grad():
            parts, l = compiled(p, data)
        return l, parts

    return gradient


def variants(case: Case, weights: Arrays, x: np.ndarray, labels: np.ndarray) -> dict[str, Gradient]:
    p, data = tensors(weights, x, labels)
    along_time = torch.tensor(node_values(case.steps, 2))
    found = {}
    for columns, layout in ((True, "columns"), (False, "rows")):
        value = partial(loss, case.steps, columns, along_time)
        compiled = torch.compile(value, fullgraph=True, dynamic=False)
        found[f"{layout}, eager"] = by_autograd(value, p, data)
        found[f"{layout}, compiled"] = by_autograd(compiled, p, data)
        found[f"{layout}, compiled as one graph"] = as_one_graph(value, p, data)
    return found
