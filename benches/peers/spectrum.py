"""Eigenvalues and Jacobians beside numpy and JAX, in one run.

    cargo bench --bench spectrum --no-run          # prints where the program is
    python spectrum.py target/release/deps/spectrum-... [--rounds 3]

Each round runs kutta's bench, numpy.linalg.eigvals on the Jacobians that it wrote (with the threads that OpenBLAS takes
by itself, and with one), and jax.jacfwd under vmap and jit, in processes of their own one after the other. Ratios are
taken within a round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTHS = (16, 64)
STATES = 1000


def median(work, seconds=1.0):
    work()
    taken = []
    start = time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - start < seconds and len(taken) < 50:
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def with_numpy(folder):
    import numpy as np

    result = {}
    for width in WIDTHS:
        numbers = np.fromfile(Path(folder) / f"jacobians-{width}.f64")
        # Matrices stand by columns; LAPACK wants them so.
        matrices = numbers.reshape(-1, width, width).transpose(0, 2, 1)
        result[f"eigenvalues-{width}"] = median(lambda m=matrices: np.linalg.eigvals(m))
    return result


def with_jax(_):
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np

    width = WIDTHS[-1]
    rng = np.random.default_rng(6)
    k = jnp.asarray(rng.standard_normal((width, width)) / np.sqrt(width))
    b = jnp.asarray(rng.standard_normal(width) / np.sqrt(width))
    y = jnp.asarray(rng.standard_normal((STATES, width)))
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda y, k, b: jnp.tanh(k @ y + b)), (0, None, None)))
    return {f"assembly-{width}": median(lambda: jacobian(y, k, b).block_until_ready())}


WORKERS = {"numpy": with_numpy, "jax": with_jax}


def run(command, **environment):
    output = subprocess.run(
        command, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return json.loads(output.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", help="the program of `cargo bench --bench spectrum`, or a worker's folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(WORKERS[args.worker](args.bench)))
        return
    with tempfile.TemporaryDirectory() as folder:
        worker = [sys.executable, __file__, folder, "--worker"]
        for number in range(args.rounds):
            ours = run([args.bench, folder])
            peers = [
                run([*worker, "numpy"]),
                run([*worker, "numpy"], OPENBLAS_NUM_THREADS="1"),
                run([*worker, "jax"]),
            ]
            for what, seconds in ours.items():
                best = min(peer[what] for peer in peers if what in peer)
                print(
                    f"round {number + 1}  {what:15}  kutta {1e3 * seconds:9.2f} ms  "
                    f"peer {1e3 * best:9.2f} ms  ratio {best / seconds:.2f}"
                )


main()
