"""The section of docs/performance.md that holds the measurements."""

import datetime
import statistics
from pathlib import Path

from machine import machine, versions
from results import CaseResult, PeaksResult, ratios, spread

BEGIN, END = "<!-- peers: begin, written by benches/peers/run -->", "<!-- peers: end -->"


def section_of(page: Path) -> tuple[str, str]:
    """The page before and after the section; a new page is nothing but the section."""
    if not page.exists():
        return "", ""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page}: expected the lines\n{BEGIN}\n{END}\nand writes between them")
    return before, after


def write(page: Path, section: str) -> None:
    before, after = section_of(page)
    page.write_text(f"{before}{BEGIN}\n\n{section}\n{END}" + (after or "\n"))


def milliseconds(seconds: list[float]) -> str:
    low, middle, high = (f"{1e3 * s:.3g}" if s < 1 else f"{1e3 * s:.0f}" for s in spread(seconds))
    return f"{middle} ({low} to {high})"


def times(values: list[float]) -> str:
    """Three cells: minimum, median and maximum of ratios."""
    return " | ".join(f"{value:.2f}" for value in spread(values))


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def case_rows(result: CaseResult) -> list[list[str]]:
    case = result.case
    sizes = f"{case.width}, {case.batch}, {case.steps}"
    faer = f"{statistics.median(result.part_of_faer):.0%} of faer's rate".replace("%", " %")
    own = [sizes, "kutta", faer, milliseconds(result.seconds), "1 | 1 | 1"]
    peers = [
        ["", peer.name, peer.variant, milliseconds(peer.seconds), times(ratios(peer.seconds, peer.kutta_seconds))]
        for peer in result.peers
    ]
    return [own, *peers]


def gradients(results: list[CaseResult]) -> str:
    header = ["width, batch, steps", "program", "as", "ms: median (rounds)"]
    return table(header + ["least", "times kutta's", "most"], [row for r in results for row in case_rows(r)])


def training(peaks: PeaksResult) -> str:
    own, theirs = peaks.kutta, peaks.jax
    with_compiling = [a + b for a, b in zip(theirs.training, theirs.compiling)]
    rows = [
        ["training, compilation left out", own.training, theirs.training],
        ["training and compilation", own.training, with_compiling],
        ["the whole command", own.command, theirs.command],
    ]
    cells = [
        [what, f"{statistics.median(a):.2f}", f"{statistics.median(b):.2f}", times(ratios(b, a))] for what, a, b in rows
    ]
    return table(["seconds, medians", "kutta", "JAX", "least", "times kutta's", "most"], cells)


def text(results: list[CaseResult], peaks: PeaksResult, rounds: int, kutta: Path) -> str:
    return f"""Value and full gradient (opening, K, b, head) of y' = tanh(K(t) y + b(t)), weights linear between 9 nodes, rk4,
softmax, float64, all cores. Medians of {rounds} rounds, in each of which every program had one turn of many gradients
while the others waited; ratios are taken within a round. Every program had computed the same loss and gradient to
1e-10 before it was timed. torchdiffeq's `rk4` is the 3/8 rule; it is compared with kutta's `rk4_38`.

{gradients(results)}
The training of `models/peaks.ron`, 300 epochs, against `tests/reference/peaks_jax.py`:

{training(peaks)}
Measured on {datetime.date.today().isoformat()}, {machine()}.
{versions(kutta)}.

To repeat it: `benches/peers/run` ([how it is measured](../benches/peers/README.md)).
"""
