"""What the numbers were measured on and with."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ["jax", "jaxlib", "torch", "torchdiffeq", "numpy"]


def cpu_facts() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo; nothing where there is no such file."""
    file = Path("/proc/cpuinfo")
    first = file.read_text().split("\n\n")[0] if file.exists() else ""
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def vectors(flags: set[str]) -> str:
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "asimd": "NEON"}
    return next((name for flag, name in known.items() if flag in flags), "vector extensions unknown")


def machine() -> str:
    facts = cpu_facts()
    model = facts.get("model name") or platform.processor() or platform.machine()
    flags = set((facts.get("flags") or facts.get("Features", "")).split())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{model}, {os.cpu_count()} cores, {vectors(flags)}, {memory:.0f} GiB of memory, {platform.system()}"


def said(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def versions(kutta: Path) -> str:
    commit = said("git", "describe", "--always", "--dirty")
    own = [f"{said(kutta, '--version')} ({commit})", " ".join(said("rustc", "--version").split()[:2])]
    python = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    return ", ".join(own + python)
