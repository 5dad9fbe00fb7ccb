"""Times kutta and its peers in turns; `run` beside this file builds what it needs and starts it."""

import argparse
import json
import time
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

import report
from case import CASES, Case, write
from contestants import PEERS, Kutta, Worker, distance
from peaks import train_in_turns
from results import CaseResult, PeerResult

TOLERANCE = 1e-10  # between gradients, relative
PAUSE = 0.3  # seconds before each turn: threads of the one before stop spinning


def check(workers: list[Worker], kuttas: dict[str, Kutta]) -> None:
    """Ends the program unless every peer has computed kutta's loss and gradient."""
    answers = {method: kutta.gradient() for method, kutta in kuttas.items()}
    for worker in workers:
        far = distance(worker.gradient(), answers[worker.peer.method])
        print(f"  {worker.peer.name} ({worker.variant}): gradient within {far:.1e} of kutta's", flush=True)
        if not far <= TOLERANCE:
            raise SystemExit(f"{worker.peer.name} computes something else: {far:.1e} is more than {TOLERANCE:.0e}")


def rounds_of(case: Case, rounds: int, workers: list[Worker], kuttas: dict[str, Kutta]) -> CaseResult:
    """In each round everyone has one turn while the others wait; who begins moves on from round to round."""
    turns: dict[str, list] = {name: [] for name in [*kuttas, *(w.peer.name for w in workers)]}
    contestants = [*kuttas.items(), *((w.peer.name, w) for w in workers)]
    for n in range(rounds):
        first = n % len(contestants)
        for name, contestant in contestants[first:] + contestants[:first]:
            time.sleep(PAUSE)
            turns[name].append(contestant.turn(case))
        print(f"  round {n + 1} of {rounds}", flush=True)
    peers = [
        PeerResult(w.peer.name, w.variant, turns[w.peer.name], [t.seconds for t in turns[w.peer.method]])
        for w in workers
    ]
    own = turns["rk4"]
    return CaseResult(case, [t.seconds for t in own], [t.part_of_faer for t in own], peers)


def measure(case: Case, rounds: int, command: Path, scratch: Path) -> CaseResult:
    print(f"width {case.width}, batch {case.batch}, steps {case.steps}", flush=True)
    folder = scratch / case.name
    model = write(case, folder)
    kuttas = {method: Kutta(command, model, method) for method in sorted({peer.method for peer in PEERS})}
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker(peer, case, folder))) for peer in PEERS]
        check(workers, kuttas)
        return rounds_of(case, rounds, workers, kuttas)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append",
                        help="width-batch-steps; may be repeated (default: all)")
    parser.add_argument("--kutta", type=Path, help="the command to measure (default: the one just built)")
    parser.add_argument("--scratch", type=Path, help="where models and weights are written (default: target/peers)")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page to write into")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    report.section_of(options.page)
    cases = [case for case in CASES if not options.case or case.name in options.case]
    results = [measure(case, options.rounds, options.kutta, options.scratch) for case in cases]
    print("training of models/peaks.ron", flush=True)
    peaks = train_in_turns(options.rounds, options.kutta, options.scratch)
    raw = {"cases": [asdict(result) for result in results], "peaks": asdict(peaks)}
    options.scratch.joinpath("results.json").write_text(json.dumps(raw, indent=1))
    report.write(options.page, report.text(results, peaks, options.rounds, options.kutta))
    print(f"written: {options.page}")


if __name__ == "__main__":
    main()
