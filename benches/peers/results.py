"""What was measured: seconds of each round, and their ratios."""

import statistics
from dataclasses import dataclass

from case import Case


def ratios(theirs: list[float], own: list[float]) -> list[float]:
    """Round by round: how many times as long as kutta in the same round."""
    return [a / b for a, b in zip(theirs, own, strict=True)]


def spread(values: list[float]) -> tuple[float, float, float]:
    """Minimum, median, maximum."""
    return min(values), statistics.median(values), max(values)


@dataclass(frozen=True)
class PeerResult:
    name: str
    variant: str
    seconds: list[float]
    kutta_seconds: list[float]  # with the peer's method


@dataclass(frozen=True)
class CaseResult:
    case: Case
    seconds: list[float]
    part_of_faer: list[float]
    peers: list[PeerResult]


@dataclass(frozen=True)
class Training:
    """Seconds of one training in each round."""

    training: list[float]
    compiling: list[float]
    command: list[float]  # from start to end of the process


@dataclass(frozen=True)
class PeaksResult:
    kutta: Training
    jax: Training
