"""The whole training of models/peaks.ron: kutta's against that of tests/reference/peaks_jax.py, which does the same
work in one compiled scan (and evaluates nothing on the way, where kutta scores both parts after each epoch)."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from results import PeaksResult, Training

MODEL, SCRIPT = Path("models/peaks.ron"), Path("tests/reference/peaks_jax.py")
SECONDS = re.compile(r"compile ([\d.]+) s, training ([\d.]+) s")


def command_seconds(command: list[str | Path]) -> tuple[float, str]:
    start = time.perf_counter()
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return time.perf_counter() - start, out


def kutta_once(command: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds of training, of compiling (none) and of the command, figures included."""
    whole, _ = command_seconds([command, "train", MODEL, "--out", folder, "--force", "--json"])
    return json.loads((folder / "summary.json").read_text())["seconds"], 0.0, whole


def jax_once() -> tuple[float, float, float]:
    """Seconds of training, of compiling and of the command."""
    whole, out = command_seconds([sys.executable, SCRIPT, "1"])
    found = SECONDS.search(out)
    if found is None:
        raise SystemExit(f"{SCRIPT}: no line of seconds in\n{out}")
    compiling, training = map(float, found.groups())
    return training, compiling, whole


def train_in_turns(rounds: int, command: Path, scratch: Path) -> PeaksResult:
    own, theirs = [], []
    for n in range(rounds):
        own.append(kutta_once(command, scratch / "peaks"))
        theirs.append(jax_once())
        print(f"  round {n + 1} of {rounds}", flush=True)
    return PeaksResult(*(Training(*map(list, zip(*runs))) for runs in (own, theirs)))
