"""From `--energy-meter`, `--energy-domains` and `--energy-cpu-watts` to a meter, and to its line in the header."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, MeterUnavailable
from energy_fixtures.meters.base import Meter, MeterInfo
from energy_fixtures.meters.cpu_power import core_power
from energy_fixtures.meters.domains import choose_domains, parse_domains
from energy_fixtures.meters.modelled import DOMAIN, ModelledMeter
from energy_fixtures.meters.probe import probe
from energy_fixtures.meters.replay import ReplayMeter
from energy_fixtures.meters.simulated import SimulatedMeter, parse_simulated
from energy_fixtures.metrics import nearest
from energy_fixtures.readings import MEASURED

CHOICES = ("auto", "zeus", "modelled", "replay:FILE", "simulated[:SPEC]")
_NAMES = {"auto": False, "zeus": False, "modelled": False, "replay": True, "simulated": True}  # name: takes an argument


def check_meter_choice(choice: str, *, domains: str | None = None, cpu_watts: str | None = None) -> None:
    """Refuse what is wrong in these options whatever the machine, in microseconds and without touching a counter.

    Raises:
        ConfigurationError: Unknown meter, unreadable SPEC, FILE that is no file, unknown domain, bad watts
            or watts for a meter that has no use for them.
    """
    name, argument = _split(choice)
    wanted = parse_domains(domains)
    if cpu_watts is not None:
        core_power(cpu_watts, "")
        if name not in ("auto", "modelled"):
            raise ConfigurationError(
                f"--energy-cpu-watts={cpu_watts} is for the modelled meter, and --energy-meter={choice} does not use it; "
                "leave it out, or choose --energy-meter=modelled"
            )
    if name == "simulated":
        choose_domains(wanted, dict(parse_simulated(argument).traces), meter="simulated")
    elif name == "modelled":
        choose_domains(wanted, (DOMAIN,), meter="modelled")
    elif name == "replay" and not (argument and Path(argument).is_file()):
        raise ConfigurationError(
            f"--energy-meter={choice} names no file; write replay:FILE with a result file that --energy-save wrote"
        )


def choose_meter(
    choice: str,
    *,
    domains: str | None,
    cpu_watts: str | None,
    clock: Callable[[], float] = time.monotonic,
) -> Meter:
    """Make the meter that the options ask for.

    `auto` is zeus when a real counter can be read, else modelled; what is missing stands in the meter's info.

    Args:
        choice: `auto`, `zeus`, `modelled`, `replay:FILE` or `simulated[:SPEC]`.
        domains: `--energy-domains`, a comma list such as `gpu,cpu:0`; None for all.
        cpu_watts: `--energy-cpu-watts`, watts per core as IDLE:LOAD or LOAD; None for the table.
        clock: Monotonic seconds.

    Raises:
        ConfigurationError: Unknown meter, unreadable SPEC or FILE, unknown domain or one that this meter lacks.
        MeterUnavailable: zeus was asked for by name and finds no counter.
        ResultFileError: FILE of replay is foreign, truncated or newer.
    """
    check_meter_choice(choice, domains=domains, cpu_watts=cpu_watts)
    name, argument = _split(choice)
    wanted = parse_domains(domains)
    if name == "simulated":
        return SimulatedMeter(argument, wanted=wanted, clock=clock)
    if name == "replay":
        from energy_fixtures.store import read_run

        assert argument is not None, "checked above"
        return ReplayMeter(Path(argument), load_run=read_run, wanted=wanted)
    if name == "modelled":
        return ModelledMeter(cpu_watts=cpu_watts, wanted=wanted, clock=clock)
    return _real_or_modelled(fall_back=name == "auto", cpu_watts=cpu_watts, wanted=wanted, clock=clock)


def _real_or_modelled(
    *, fall_back: bool, cpu_watts: str | None, wanted: tuple[str, ...] | None, clock: Callable[[], float]
) -> Meter:
    found = probe()
    missing = found.missing
    if found.counters:  # zeus takes a second to import and is not imported for nothing
        from energy_fixtures.meters.zeus_meter import NoCounter, zeus_meter

        try:
            return zeus_meter(wanted=wanted, missing=missing, clock=clock)
        except NoCounter as error:
            missing = error.missing
    if not fall_back:
        raise MeterUnavailable(
            f"--energy-meter=zeus finds no counter that it can read: {'; '.join(missing)}. "
            "Or choose --energy-meter=modelled"
        )
    return ModelledMeter(cpu_watts=cpu_watts, wanted=wanted, missing=missing, clock=clock)


def _split(choice: str) -> tuple[str, str | None]:
    name, colon, argument = choice.partition(":")
    if name not in _NAMES:
        similar = " or ".join(nearest(name, _NAMES, 2))
        raise ConfigurationError(
            f"--energy-meter has no meter {name!r}; did you mean {similar}? Meters are {', '.join(CHOICES)}"
        )
    if colon and not _NAMES[name]:
        raise ConfigurationError(
            f"--energy-meter={choice}: {name} takes nothing after a colon; meters are {', '.join(CHOICES)}"
        )
    return name, argument if colon else None


def header_lines(info: MeterInfo) -> list[str]:
    """What stands above everything a meter measured: one line for the meter, one per thing it cannot read.

    >>> header_lines(MeterInfo(name="zeus", method="counter", domains=("gpu:0", "cpu:0"), resolution_s=0.1))
    ['meter: zeus · counter · gpu:0 cpu:0']
    """
    real = info.method in MEASURED
    parts = [f"meter: {info.name}", info.method] if real else [f"meter: {info.name}, not measured"]
    parts.append(" ".join(info.domains))
    details = dict(info.details)
    if info.method == "modelled":
        idle_w, load_w = details["idle_w_per_core"], details["load_w_per_core"]
        parts.append(f"{idle_w:.3g} W idle, {load_w:.3g} W busy per core ({details['source']})")
    elif not real:
        parts.append(str(details.get("trace", details.get("recording", ""))))
    return [" · ".join(part for part in parts if part), *(f"  {missing}" for missing in info.missing)]


def content_lines(info: MeterInfo) -> list[str]:
    """What the joules of each domain contain, one line for those that contain the same.

    >>> content_lines(MeterInfo(name="m", method="counter", domains=("gpu:0",), resolution_s=0.1, contents=(("gpu:0", "whole board"),)))
    ['  gpu:0: whole board']
    """
    groups: dict[str, list[str]] = {}
    for domain, content in info.contents:
        groups.setdefault(content, []).append(domain)
    return [f"  {' '.join(domains)}: {content}" for content, domains in groups.items()]
