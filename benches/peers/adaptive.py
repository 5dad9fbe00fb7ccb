"""Adaptive steps at one tolerance: kutta, diffrax (Tsit5, recursive checkpoints, jit) and torchdiffeq (dopri5).

    python adaptive.py ../../target/release/kutta

One network, its weights as kutta draws them; all are told of the jumps in the slope of the weights. Peers that are
not installed are left out. Each is timed in turns, and the least median of a turn counts.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from case import HORIZON, MODEL, NODES, Arrays, Case, draw

CASES = [Case(16, 1000, 0, 20), Case(64, 1024, 0, 10)]
TOLERANCE = 1e-6
TURNS = 3
JUMPS = np.linspace(0, HORIZON, NODES)

Work = Callable[[], Any]


def kutta(command: Path, case: Case, folder: Path) -> tuple[Path, Arrays, Arrays]:
    """The model file, weights and data; the weights are those of a run whose rate moves nothing."""
    _, data = draw(case)
    np.savez(folder / "data.npz", **data)
    stepping = f"Adaptive(rtol: {TOLERANCE}, atol: {TOLERANCE})"
    text = MODEL.format(width=case.width, nodes=NODES, horizon=HORIZON, steps=1, batch=case.batch)
    text = text.replace("Fixed(steps: 1)", stepping).replace('"rk4"', '"tsit5"').replace("rate: 0.01", "rate: 1e-300")
    model = folder / "model.ron"
    model.write_text(text)
    subprocess.run([command, "train", model, "--out", folder / "run"], check=True, stdout=subprocess.DEVNULL)
    return model, load_file(folder / "run" / "weights.safetensors"), data


def kutta_turn(command: Path, model: Path, what: str, repeats: int) -> float:
    asked = [command, "bench", model, "--what", what, "--repeat", str(repeats), "--json"]
    return json.loads(subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout)["median_ms"]


def with_diffrax(p: Arrays, data: Arrays) -> dict[str, Work]:
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp

    weights, x, labels = jax.tree.map(jnp.asarray, p), jnp.asarray(data["x"]), jnp.asarray(data["y"])

    def field(t: Any, y: Any, p: Any) -> Any:
        place = t * (NODES - 1) / HORIZON
        i = jnp.clip(jnp.floor(place).astype(int), 0, NODES - 2)
        s = place - i
        k, b = ((1 - s) * p[name][i] + s * p[name][i + 1] for name in ("field.K", "field.b"))
        return jnp.tanh(y @ k.T + b)

    def loss(p: Any) -> Any:
        y = jnp.tanh(x @ p["opening.weight"].T + p["opening.bias"])
        steps = diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE)
        steps = diffrax.ClipStepSizeController(steps, jump_ts=jnp.asarray(JUMPS))
        end = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, HORIZON, None, y, p, stepsize_controller=steps,
            adjoint=diffrax.RecursiveCheckpointAdjoint(), max_steps=4096,
        )
        z = end.ys[-1] @ p["head.weight"].T + p["head.bias"]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(labels.size), labels])

    forward, both = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    return {
        "forward": lambda: jax.block_until_ready(forward(weights)),
        "gradient": lambda: jax.block_until_ready(both(weights)),
    }


def with_torchdiffeq(p: Arrays, data: Arrays) -> dict[str, Work]:
    import torch
    from torchdiffeq import odeint

    weights = {name: torch.tensor(w, requires_grad=True) for name, w in p.items()}
    x, labels = torch.tensor(data["x"]), torch.tensor(data["y"])
    ends = torch.tensor([0.0, HORIZON], dtype=torch.float64)
    jumps = torch.tensor(JUMPS[1:-1])

    def field(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        place = float(t) * (NODES - 1) / HORIZON
        i = min(int(place), NODES - 2)
        k, b = (torch.lerp(weights[n][i], weights[n][i + 1], place - i) for n in ("field.K", "field.b"))
        return torch.tanh(y @ k.T + b)

    def forward() -> torch.Tensor:
        y = torch.tanh(x @ weights["opening.weight"].T + weights["opening.bias"])
        options = {"jump_t": jumps}
        y = odeint(field, y, ends, rtol=TOLERANCE, atol=TOLERANCE, method="dopri5", options=options)[-1]
        z = y @ weights["head.weight"].T + weights["head.bias"]
        return torch.nn.functional.cross_entropy(z, labels)

    def without() -> torch.Tensor:
        with torch.no_grad():
            return forward()

    return {"forward": without, "gradient": lambda: torch.autograd.grad(forward(), list(weights.values()))}


def turn(work: Work, repeats: int) -> float:
    """Milliseconds, a median."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def main() -> None:
    command = Path(sys.argv[1]).resolve()
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model, weights, data = kutta(command, case, Path(folder))
            peers = {}
            for name, make in (("diffrax", with_diffrax), ("torchdiffeq", with_torchdiffeq)):
                try:
                    peers[name] = make(weights, data)
                except ImportError as missing:
                    print(f"without {name}: {missing}", file=sys.stderr)
            for works in peers.values():
                for work in works.values():
                    work()
            for what in ("forward", "gradient"):
                least: dict[str, float] = {}
                for _ in range(TURNS):
                    found = {"kutta": kutta_turn(command, model, what, case.repeats)}
                    found |= {name: turn(works[what], case.repeats) for name, works in peers.items()}
                    least = {name: min(ms, least.get(name, ms)) for name, ms in found.items()}
                told = ", ".join(f"{name} {ms:.2f} ms ({ms / least['kutta']:.1f})" for name, ms in least.items())
                print(f"width {case.width}, batch {case.batch}, {what}: {told}")


if __name__ == "__main__":
    main()
