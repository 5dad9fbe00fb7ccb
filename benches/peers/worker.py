"""A peer as a process: it compiles once, keeps the fastest of its variants, then answers a line with a line of JSON.

    time R         -> the seconds of each of R gradients
    gradient FILE  -> the loss; the gradient goes to FILE under the names of the weights

    python worker.py MODULE FOLDER WIDTH BATCH STEPS
"""

import importlib
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from safetensors.numpy import load_file, save_file

from case import Case

Gradient = Callable[[], tuple[Any, dict[str, Any]]]  # the loss and its gradient, computed when it returns

TRIAL_SECONDS, MIN_TRIALS, MAX_TRIALS = 1.0, 3, 200


def timed(gradient: Gradient) -> float:
    start = time.perf_counter()
    gradient()
    return time.perf_counter() - start


def trial(gradient: Gradient) -> float:
    """The median of about a second of gradients, after two that compile and warm up."""
    gradient()
    once = timed(gradient)
    count = min(max(int(TRIAL_SECONDS / once), MIN_TRIALS), MAX_TRIALS)
    return statistics.median(timed(gradient) for _ in range(count))


def fastest(variants: dict[str, Gradient]) -> tuple[str, dict[str, float]]:
    """The variant of the shortest trial, and all trials; what cannot be built here is told and left out."""
    trials: dict[str, float] = {}
    for name, gradient in variants.items():
        try:
            trials[name] = trial(gradient)
        except Exception:
            print(f"{name}: left out", file=sys.stderr)
            traceback.print_exc()
        else:
            print(f"  {name}: {1e3 * trials[name]:.3f} ms", file=sys.stderr)
    return min(trials, key=trials.__getitem__), trials


def answer(request: str, gradient: Gradient) -> Any:
    verb, argument = request.split(maxsplit=1)
    if verb == "time":
        return [timed(gradient) for _ in range(int(argument))]
    loss, parts = gradient()
    save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, argument.rstrip("\n"))
    return float(loss)


def own_stdout() -> TextIO:
    """Answers have the pipe to themselves: whatever else a library prints goes to stderr."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def main() -> None:
    module, folder, *numbers = sys.argv[1:]
    pipe = own_stdout()
    case = Case(*map(int, numbers))
    weights, data = load_file(Path(folder, "weights.safetensors")), np.load(Path(folder, "data.npz"))
    variants = importlib.import_module(module).variants(case, weights, data["x"], data["y"])
    name, trials = fastest(variants)
    print(json.dumps({"variant": name, "trials": trials}), file=pipe, flush=True)
    for request in sys.stdin:
        print(json.dumps(answer(request, variants[name])), file=pipe, flush=True)


if __name__ == "__main__":
    main()
