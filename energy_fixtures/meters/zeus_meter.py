"""Real counters through Zeus: NVIDIA and AMD GPUs, RAPL (CPU and DRAM, also over zeusd), SoCs.

The only file that imports zeus, and only when a meter is made. What Zeus can read becomes `CounterSource`s and
`BoardSensor`s; `CounterMeter` makes windows of them, so Zeus' own monitors and their wall clock are not used.

Zeus' ways that this file guards against:
    the poller that counts RAPL wraparounds may lag by a second    `plausible.unwrapped` is right without it
    `psys` zones look like CPU packages but contain them           left out
    importing it prints on stdout without ROCm                     silenced
    it reads CUDA_VISIBLE_DEVICES as indices only                  UUIDs are translated for it
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energy_fixtures.boards import device_indices
from energy_fixtures.errors import MeterUnavailable
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.meters.contents import contents, counted_twice, inside_another, two_dies
from energy_fixtures.meters.counter_meter import CounterMeter
from energy_fixtures.meters.domains import choose_domains
from energy_fixtures.meters.nvml_sensor import BoardSensor, nvml_conditions
from energy_fixtures.meters.soc import soc_joules
from energy_fixtures.meters.ticking import CounterSource, CounterUnreadable
from energy_fixtures.meters.watch import BoardWatch

COUNTERS_MOVE_S = 0.5  # in this time a board at rest uses tens of joules


class NoCounter(MeterUnavailable):
    """Zeus reads nothing on this machine. `missing` holds a sentence with a fix for each kind of counter."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"no energy counter can be read: {'; '.join(missing)}")
        self.missing = missing


@dataclass(kw_only=True)
class Sources:
    """What Zeus can read here.

    Attributes:
        counters: One per domain with an energy counter.
        sensors: One per GPU domain; those without a counter among them are metered by their power.
        board_names: Of the board behind `gpu:N` at position N.
        missing: A sentence for each thing that cannot be read, with its fix.
        version: Of Zeus.
    """

    counters: list[CounterSource] = field(default_factory=list)
    sensors: list[BoardSensor] = field(default_factory=list)
    board_names: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    version: str = ""
    closers: list[Callable[[], None]] = field(default_factory=list)

    @property
    def domains(self) -> tuple[str, ...]:
        """Everything that can be metered."""
        return tuple(dict.fromkeys([*(one.domain for one in self.counters), *(one.domain for one in self.sensors)]))

    def leave_out(self, domains: Sequence[tuple[str, str]]) -> None:
        """Forget domains whose joules others contain, each with the sentence that says so."""
        names = {domain for domain, _ in domains}
        self.counters = [one for one in self.counters if one.domain not in names]
        self.sensors = [one for one in self.sensors if one.domain not in names]
        self.missing += [sentence for _, sentence in domains]

    def close(self) -> None:
        """End the processes that Zeus started: wraparound pollers, the SoC's poller."""
        for close in self.closers:
            close()


def find_sources(missing: tuple[str, ...] = ()) -> Sources:
    """Ask Zeus for everything that it can read on this machine; nothing is printed meanwhile.

    Args:
        missing: Sentences on what is known to be missing; new ones are added.
    """
    import importlib.metadata

    with _quiet(), _devices_by_index():
        sources = Sources(missing=list(missing), version=importlib.metadata.version("zeus"))
        _find_gpus(sources)
        _find_cpus(sources)
        _find_soc(sources)
    sources.leave_out(inside_another(sources.domains, sources.board_names))
    if two_dies(sources.board_names):
        sources.leave_out(_same_counters(sources))
    sources.missing = list(dict.fromkeys(sources.missing))
    return sources


def _same_counters(sources: Sources) -> tuple[tuple[str, str], ...]:
    """Second dies whose counter is the first die's, as two looks at all of them say."""
    boards = [counter for counter in sources.counters if counter.domain.startswith("gpu:")]
    try:
        earlier_j = {counter.domain: counter.read_j() for counter in boards}
        time.sleep(COUNTERS_MOVE_S)
        return counted_twice(sources.board_names, earlier_j, {one.domain: one.read_j() for one in boards})
    except CounterUnreadable:
        return ()  # the meter meets the same error and tells it


def zeus_meter(
    *,
    wanted: tuple[str, ...] | None = None,
    missing: tuple[str, ...] = (),
    clock: Callable[[], float] = time.monotonic,
) -> CounterMeter:
    """Joules from this machine's counters.

    Args:
        wanted: Domains or kinds of domains; everything readable when None.
        missing: Sentences on what is known to be missing; this meter adds what it finds.
        clock: Monotonic seconds.

    Raises:
        NoCounter: Nothing can be read.
        ConfigurationError: A wanted domain does not exist here.
    """
    sources = find_sources(missing)
    said = tuple(sources.missing)
    if not sources.domains:
        raise NoCounter(said)
    domains = choose_domains(wanted, sources.domains, meter="zeus", missing=said)
    counters = [counter for counter in sources.counters if counter.domain in domains]
    sensors = [sensor for sensor in sources.sensors if sensor.domain in domains]
    sampled = [sensor.domain for sensor in sensors if sensor.domain not in {one.domain for one in counters}]
    watch = BoardWatch(sensors, clock=clock) if sensors else None
    info = MeterInfo(
        name="zeus",
        method="integrated power" if sampled else "counter",
        domains=domains,
        resolution_s=0.0,
        missing=said,
        details=(("zeus", sources.version),),
        contents=contents(domains, sources.board_names),
    )
    try:
        return CounterMeter(info, counters, sampled=sampled, watch=watch, close=sources.close, clock=clock)
    except CounterUnreadable as error:
        if watch is not None:
            watch.close()
        sources.close()
        raise NoCounter((*said, f"{error}; check the driver and try again")) from error


def _find_gpus(sources: Sources) -> None:
    import zeus.device.gpu as zeus_gpu
    from zeus.exception import ZeusBaseError

    try:
        gpus = zeus_gpu.get_gpus()
    except zeus_gpu.ZeusGPUInitError as error:
        if "unavailable" not in str(error):  # no driver at all is the probe's word already
            sources.missing.append(f"no GPU is read: {_sentence(error)}")
        return
    except (ZeusBaseError, ValueError) as error:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        why = f"{_sentence(error)}; check CUDA_VISIBLE_DEVICES, which is {visible!r}, and nvidia-smi"
        sources.missing.append(f"no GPU is read: {why}")
        return
    for index, gpu in enumerate(gpus.gpus):
        domain = f"gpu:{index}"
        sources.board_names.append("")
        try:
            sources.board_names[index] = str(gpu.get_name())
            refused = _refused(gpu)
            power = _power(gpu, needed=refused is not None)
        except ZeusBaseError as error:
            sources.missing.append(f"{domain} is not read: {_sentence(error)}; see whether nvidia-smi shows its power")
            continue
        if refused is None:
            sources.counters.append(CounterSource(domain=domain, read_j=_joules(gpu.get_total_energy_consumption)))
        elif refused:
            fix = "give this user access to it; its power is sampled and integrated instead"
            sources.missing.append(f"{domain}: the energy counter is not read ({refused}); {fix}")
        if power is not None:
            temperature = _optional(gpu.get_gpu_temperature)
            board = nvml_conditions(gpu.gpu_index) if type(gpu).__module__.endswith(".nvidia") else None
            sources.sensors.append(
                BoardSensor(domain=domain, power_w=power, temperature_c=temperature, conditions=board)
            )


def _refused(gpu: Any) -> str | None:
    """Why this board's energy counter cannot be read, empty where it has none; None where it can."""
    from zeus.exception import ZeusBaseError

    if not gpu.supports_get_total_energy_consumption():
        return ""
    try:
        gpu.get_total_energy_consumption()
    except ZeusBaseError as error:
        return _sentence(error)
    return None


def _joules(read_mj: Callable[[], float]) -> Callable[[], float]:
    """The counter in joules, with Zeus' errors as ours."""
    from zeus.exception import ZeusBaseError

    def read_j() -> float:
        try:
            return read_mj() / 1000
        except ZeusBaseError as error:
            raise CounterUnreadable(_sentence(error)) from error

    return read_j


def _power(gpu: Any, *, needed: bool) -> Callable[[], float] | None:
    """Instant power where the board has it, else average; None where it tells neither and has a counter.

    Raises:
        ZeusBaseError: It tells neither, and nothing else says what it draws.
    """
    from zeus.exception import ZeusBaseError

    for read_mw in (gpu.get_instant_power_usage, gpu.get_average_power_usage):
        try:
            read_mw()
        except ZeusBaseError:
            continue
        return lambda: read_mw() / 1000
    if needed:
        gpu.get_average_power_usage()
    return None


def _optional(read: Callable[[], float]) -> Callable[[], float] | None:
    from zeus.exception import ZeusBaseError

    try:
        read()
    except ZeusBaseError:
        return None
    return read


def _find_cpus(sources: Sources) -> None:
    import zeus.device.cpu as zeus_cpu
    from zeus.exception import ZeusBaseError

    try:
        cpus = zeus_cpu.get_cpus()
    except (ZeusBaseError, OSError) as error:
        # the probe has said why already, unless zeusd was asked and did not answer
        if any(name in os.environ for name in ("ZEUSD_SOCK_PATH", "ZEUSD_HOST_PORT")):
            why = f"zeusd does not give CPU energy: {_sentence(error)}; check that it runs and may be used"
            sources.missing.append(why)
        return
    for index, cpu in enumerate(cpus.cpus):
        if not _zone_name(cpus.rapl_dir, cpu.cpu_index).startswith("package"):
            continue  # psys: the whole platform, which contains the packages
        package, memory = getattr(cpu, "rapl_file", None), getattr(cpu, "dram", None)  # None when zeusd reads them
        sources.counters.append(_rapl(f"cpu:{index}", cpu, "cpu_mj", package))
        if cpu.supports_get_dram_energy_consumption():
            sources.counters.append(_rapl(f"dram:{index}", cpu, "dram_mj", memory))
        sources.closers += [_stopper(file) for file in (package, memory) if file is not None]


def _rapl(domain: str, cpu: Any, field_mj: str, file: Any) -> CounterSource:
    import httpx  # Zeus asks zeusd through it and lets its errors out
    from zeus.exception import ZeusBaseError

    def read_j() -> float:
        try:
            # the file itself where there is one: asking the package would read its memory's file too
            joules = cpu.get_total_energy_consumption() if file is None else file
            return float(getattr(joules, field_mj) if file is None else file.read()) / 1000
        except (ZeusBaseError, httpx.HTTPError, OSError, ValueError) as error:
            raise CounterUnreadable(_sentence(error)) from error

    range_j = None if file is None else file.max_energy_range_uj / 1e6
    return CounterSource(domain=domain, read_j=read_j, range_j=range_j)


def _stopper(file: Any) -> Callable[[], None]:
    """Ends the process that counts how often a RAPL file went round, if it was ever started."""

    def stop() -> None:
        tracker = getattr(file, "_wraparound_tracker", None)  # the property of that name would start one
        if tracker is not None:
            tracker._stop()
            file._wraparound_tracker = None  # a later meter of this process starts a new one

    return stop


def _zone_name(folder: str, index: int) -> str:
    try:
        return (Path(folder) / f"intel-rapl:{index}" / "name").read_text().strip()
    except OSError:  # zeusd may see zones that this process does not
        return "package"


def _find_soc(sources: Sources) -> None:
    from zeus.device import get_soc
    from zeus.device.soc.common import ZeusSoCInitError
    from zeus.exception import ZeusBaseError

    try:
        soc = get_soc()
    except ZeusSoCInitError:
        return

    def read_j() -> float:
        try:
            joules = soc_joules(soc.get_total_energy_consumption())
        except (ZeusBaseError, OSError, ValueError) as error:
            raise CounterUnreadable(_sentence(error)) from error
        if joules is None:
            raise CounterUnreadable("the SoC tells no energy")
        return joules

    if soc_joules(soc.get_total_energy_consumption()) is None:
        return
    sources.counters.append(CounterSource(domain="soc", read_j=read_j))
    stop = getattr(soc, "_stop_process", None)
    if stop is not None:
        sources.closers.append(stop)


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


@contextlib.contextmanager
def _devices_by_index() -> Iterator[None]:
    """UUIDs in CUDA_VISIBLE_DEVICES, which Zeus cannot read, are indices while Zeus and its pollers start."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    indices = device_indices(visible) if "GPU-" in visible else []
    if not indices:
        yield
        return
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, indices))
    try:
        yield
    finally:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that this process prints meanwhile is seen: Python's streams and the file descriptors below them."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    saved = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in saved:
            os.dup2(nowhere, number)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
