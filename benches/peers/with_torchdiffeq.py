"""torchdiffeq: odeint on equal steps, differentiated through its steps by autograd. Its "rk4" is the 3/8 rule, kutta's
`rk4_38`. The field interpolates the weights between their nodes at each call, or finds them at the stage times
t_n, t_n + h/3, t_n + 2h/3, t_n+1 in a table that one matrix product makes before.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torchdiffeq import odeint

from case import HORIZON, NODES, Arrays, Case, node_values
from with_torch import (
    Data,
    Gradient,
    Weights,
    affine,
    at_times,
    by_autograd,
    on_each_count_of_threads,
    tanh_by_sigmoid,
    tensors,
)

Field = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def interpolating(columns: bool, p: Weights) -> Field:
    """y' = tanh(K(t) y + b(t)), K and b by linear interpolation."""
    k, b = p["field.K"].unbind(), p["field.b"].unbind()

    def field(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        place = float(t) * (NODES - 1) / HORIZON
        i = min(int(place), NODES - 2)
        kt, bt = (torch.lerp(w[i], w[i + 1], place - i) for w in (k, b))
        return tanh_by_sigmoid(affine(columns, kt, y, bt))

    return field


def from_table(steps: int, along_time: torch.Tensor, columns: bool, p: Weights) -> Field:
    """The same, for the stage times alone: thirds of the steps."""
    k, b = at_times(p, along_time)

    def field(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        i = round(float(t) * 3 * steps / HORIZON)
        return tanh_by_sigmoid(affine(columns, k[i], y, b[i]))

    return field


def loss(
    steps: int, columns: bool, make_field: Callable[[bool, Weights], Field], p: Weights, data: Data
) -> torch.Tensor:
    x, labels = data
    y = tanh_by_sigmoid(affine(columns, p["opening.weight"], x.t() if columns else x, p["opening.bias"]))
    ends = torch.tensor([0.0, HORIZON], dtype=y.dtype)
    y = odeint(make_field(columns, p), y, ends, method="rk4", options={"step_size": HORIZON / steps})[-1]
    z = affine(columns, p["head.weight"], y, p["head.bias"])
    return cross_entropy(z.t() if columns else z, labels)


def variants(case: Case, weights: Arrays, x: np.ndarray, labels: np.ndarray) -> dict[str, Gradient]:
    p, data = tensors(weights, x, labels)
    table = partial(from_table, case.steps, torch.tensor(node_values(case.steps, 3)))
    makers = {
        f"{layout}, {kind}": partial(by_autograd, partial(loss, case.steps, columns, field), p, data)
        for columns, layout in ((True, "columns"), (False, "rows"))
        for field, kind in ((table, "weights in a table"), (interpolating, "weights interpolated"))
    }
    return on_each_count_of_threads(makers)
