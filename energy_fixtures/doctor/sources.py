"""What this machine has to be read, put together for an examination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from energy_fixtures.boards import Facts, read_boards
from energy_fixtures.examination import Modelled
from energy_fixtures.meters.contents import contents
from energy_fixtures.meters.cpu_power import core_power, cpu_model_name
from energy_fixtures.meters.modelled import usable_cores
from energy_fixtures.meters.nvml_sensor import BoardSensor, NvmlConditions
from energy_fixtures.meters.probe import probe
from energy_fixtures.meters.ticking import CounterSource

if TYPE_CHECKING:
    from energy_fixtures.meters.zeus_meter import Sources


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Everything that can be read here.

    Attributes:
        counters, sensors: See `meters.zeus_meter.Sources`.
        boards: Facts of the boards, in the order of `gpu:0`, `gpu:1`, ...
        missing: One sentence per kind of meter that is not there, each with its fix.
        contents: What the joules of each domain contain.
        close: Ends what was started to read them.
    """

    counters: Sequence[CounterSource] = ()
    sensors: Sequence[BoardSensor] = ()
    boards: Sequence[Facts] = ()
    missing: tuple[str, ...] = ()
    contents: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def this_machine() -> Machine:
    """Look for everything that can be read. Zeus takes a second to import and is left alone where nothing is."""
    found = probe()
    boards = read_boards()
    if not found.counters:
        return Machine(boards=boards, missing=found.missing)
    from energy_fixtures.meters.zeus_meter import find_sources

    sources = find_sources(found.missing)
    return Machine(
        counters=tuple(sources.counters),
        sensors=tuple(sources.sensors),
        boards=boards,
        missing=tuple(sources.missing),
        contents=dict(contents(sources.domains, sources.board_names)),
        close=lambda: _close(sources),
    )


def _close(sources: Sources) -> None:
    sources.close()
    for sensor in sources.sensors:
        if isinstance(sensor.conditions, NvmlConditions):
            sensor.conditions.close()


def modelled() -> Modelled:
    """What the modelled meter would take for this machine's processor."""
    power = core_power(None, cpu_model_name())
    return Modelled(
        idle_w_per_core=power.idle_w, load_w_per_core=power.load_w, cores=usable_cores(), source=power.source
    )
