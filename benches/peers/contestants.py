"""Who takes part: kutta by its command, the others as workers that stay while their case is measured."""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from case import Arrays, Case


@dataclass(frozen=True)
class Peer:
    name: str
    package: str
    module: str
    method: str  # kutta's name of what it computes


PEERS = [
    Peer("JAX", "jax", "with_jax", "rk4"),
    Peer("PyTorch", "torch", "with_torch", "rk4"),
    Peer("torchdiffeq", "torchdiffeq", "with_torchdiffeq", "rk4_38"),
]


# Memory that glibc gives out again without the system, in large pages: worth up to 40 % of JAX's time. Other systems
# do not read these.
MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}


@dataclass(frozen=True)
class Answer:
    loss: float
    gradient: Arrays


@dataclass(frozen=True)
class Turn:
    """One turn of kutta: the median of its gradients, and its rate as a part of faer's."""

    seconds: float
    part_of_faer: float


class Kutta:
    """kutta on a model file, with a method of the catalogue."""

    def __init__(self, command: Path, model: Path, method: str):
        self.command, self.model, self.method = command, model, method

    def ask(self, verb: str, *options: str | Path) -> Any:
        command = [self.command, verb, self.model, "--set", f'network.method="{self.method}"', *options, "--json"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def gradient(self) -> Answer:
        out = self.model.parent / f"{self.method}.safetensors"
        report = self.ask("gradient", "--weights", self.model.parent / "weights.safetensors", "--out", out)
        return Answer(report["loss"], load_file(out))

    def turn(self, case: Case) -> Turn:
        report = self.ask("bench", "--what", "gradient", "--repeat", str(case.repeats))
        return Turn(report["median_ms"] / 1e3, report["gflops"] / report["matmul_gflops"])


class Worker:
    """A peer's process. It says which variant it took, then waits."""

    def __init__(self, peer: Peer, case: Case, folder: Path):
        self.peer, self.folder = peer, folder
        script = Path(__file__).with_name("worker.py")
        numbers = map(str, (case.width, case.batch, case.steps, case.repeats))
        command = [sys.executable, script, peer.module, folder, *numbers]
        self.process = subprocess.Popen(
            command, env=os.environ | MEMORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.variant: str = self.answer()["variant"]

    def answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.peer.name}: the worker ended with exit code {self.process.wait()}")
        return json.loads(line)

    def ask(self, request: str) -> Any:
        print(request, file=self.process.stdin, flush=True)
        return self.answer()

    def gradient(self) -> Answer:
        out = self.folder / f"{self.peer.module}.safetensors"
        return Answer(self.ask(f"gradient {out}"), load_file(out))

    def turn(self, case: Case) -> float:
        """The median of the seconds of its gradients."""
        return statistics.median(self.ask(f"time {case.repeats}"))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def distance(one: Answer, other: Answer) -> float:
    """The largest of |a - b| / |b|, over the loss and the gradient of each tensor, in the Euclidean norm."""
    if one.gradient.keys() != other.gradient.keys():
        raise SystemExit(f"other tensors: {sorted(one.gradient)} and {sorted(other.gradient)}")
    parts = [np.linalg.norm(one.gradient[k] - g) / np.linalg.norm(g) for k, g in other.gradient.items()]
    return float(max(abs(one.loss - other.loss) / abs(other.loss), *parts))
