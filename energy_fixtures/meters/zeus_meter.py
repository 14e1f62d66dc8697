"""Real counters through Zeus: NVIDIA and AMD GPUs, RAPL (CPU and DRAM, also over zeusd), SoCs.

The only file that imports zeus, and only when a meter is made.

Zeus' ways that this file guards against:
    its clock is the wall clock                                    we time windows ourselves
    a counter that was reset gives hugely negative joules          MeasurementInvalid
    the poller that counts RAPL wraparounds may lag by a second    taken modulo the counter's range while that is sure
    pre-Volta power integrates only between *changes* of power     integrated here, each value held until the next one
    `psys` zones look like CPU packages but contain them           left out
    importing it prints on stdout without ROCm                     silenced
    it synchronises CUDA in this process unless told not to        told not to
    it reads CUDA_VISIBLE_DEVICES as indices only                  UUIDs are translated for it
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_fixtures.boards import device_indices
from energy_fixtures.errors import MeasurementInvalid, MeterUnavailable
from energy_fixtures.meters.arithmetic import believable, held_energy, soc_joules
from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State
from energy_fixtures.meters.domains import choose_domains, order
from energy_fixtures.readings import Reading

if TYPE_CHECKING:
    from zeus.monitor import ZeusMonitor
    from zeus.monitor.power import PowerMonitor

GPU_RESOLUTION_S = 0.1  # NVML's energy counter steps about every 100 ms (Zeus' documentation)
RAPL_RESOLUTION_S = 0.001  # RAPL's counters step about every millisecond (Intel SDM, volume 3, section 16.10)

FIRST_SAMPLE_S = 2.0  # Zeus' power poller has said that it is ready; its first sample is on its way through a queue


class NoCounter(MeterUnavailable):
    """Zeus reads nothing on this machine. `missing` holds a sentence with a fix for each kind of counter."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"no energy counter can be read: {'; '.join(missing)}")
        self.missing = missing


@dataclass(frozen=True)
class _Window:
    key: str
    begun_at_s: float
    wall_s: float  # on Zeus' clock, for power samples only


class ZeusMeter:
    """Joules from this machine's counters.

    Args:
        wanted: Domains or kinds of domains; everything readable when None.
        missing: Sentences on what is known to be missing; this meter adds what it finds.
        clock: Monotonic seconds.

    Raises:
        NoCounter: Nothing can be read.
        ConfigurationError: A wanted domain does not exist here.
    """

    def __init__(
        self,
        *,
        wanted: tuple[str, ...] | None = None,
        missing: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        with _quiet(), _devices_by_index():
            sources = _Sources.find()
            said = (*missing, *(sentence for sentence in sources.missing if sentence not in missing))
            if not sources.domains:
                raise NoCounter(said)
            domains = choose_domains(wanted, sources.domains, meter="zeus", missing=said)
            self._domains = frozenset(domains)
            self._clock = clock
            self._keys = itertools.count()
            gpus = _indices(domains, "gpu")
            cpus = sorted({*_indices(domains, "cpu"), *_indices(domains, "dram")})
            self._monitor = sources.monitor(gpus, cpus)
        self._ranges_j = sources.ranges_j
        self._await_power_samples()
        self.info = MeterInfo(
            name="zeus",
            method="counter" if self._monitor.power_monitor is None else "integrated power",
            domains=domains,
            resolution_s=GPU_RESOLUTION_S if set(domains) - set(_rapl(domains)) else RAPL_RESOLUTION_S,
            missing=said,
            details=(("zeus", sources.version),),
        )
        try:  # starts what Zeus starts late (the wraparound pollers), outside every real window
            self.end(self.begin("", ()))
        except MeasurementInvalid as error:
            self.close()
            raise NoCounter((*said, str(error))) from error

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Read the counters; see `Meter.begin`.

        Raises:
            MeasurementInvalid: A counter cannot be read any more.
        """
        # The clock is read before the counters here and in `end`: each counter is then read equally late at both ends.
        window = _Window(f"window {next(self._keys)}", self._clock(), time.time())
        with _read_errors():
            self._monitor.begin_window(window.key, sync_execution=False)
        return window

    def end(self, token: object) -> Reading:
        """Read the counters again; see `Meter.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        duration_s, wall_s = self._clock() - token.begun_at_s, time.time()
        with _read_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Zeus warns of zero joules; the Reading shows them and its reader judges
            seen = self._monitor.end_window(token.key, sync_execution=False)
        joules = {f"gpu:{index}": value for index, value in seen.gpu_energy.items()}
        joules |= {f"cpu:{index}": value for index, value in (seen.cpu_energy or {}).items()}
        joules |= {f"dram:{index}": value for index, value in (seen.dram_energy or {}).items()}
        joules |= self._integrated_j(token.wall_s, wall_s)
        soc_j = soc_joules(seen.soc_energy)
        if soc_j is not None:
            joules["soc"] = soc_j
        lost = self._domains - set(joules)
        if lost:
            raise MeasurementInvalid(
                f"Zeus gave no joules for {', '.join(sorted(lost))}; check that the counter still exists"
            )
        return Reading(
            energy_j={
                domain: believable(domain, joules[domain], duration_s, self._ranges_j.get(domain))
                for domain in sorted(self._domains, key=order)
            },
            duration_s=duration_s,
            method=self.info.method,
            doubts=("power_integrated",) if self._monitor.power_monitor is not None else (),
        )

    def _integrated_j(self, begin_s: float, end_s: float) -> dict[str, float]:
        """Joules of the boards without an energy counter, from Zeus' power samples on its own clock."""
        power = self._monitor.power_monitor
        if power is None:
            return {}
        timelines = _power_timelines(power)
        return {f"gpu:{index}": held_energy(samples, begin_s, end_s) for index, samples in timelines.items()}

    def _await_power_samples(self) -> None:
        power = self._monitor.power_monitor
        give_up_at_s = self._clock() + FIRST_SAMPLE_S
        while power is not None and self._clock() < give_up_at_s and not all(_power_timelines(power).values()):
            time.sleep(0.01)

    def state(self, since_s: float) -> State | None:
        """None: there is no board."""
        return None

    def recorded(self, label: str) -> RecordedWindows | None:
        """None: this meter reads now."""
        return None

    def close(self) -> None:
        """End the processes that Zeus started: wraparound pollers, power pollers, the SoC's poller."""
        if self._monitor.power_monitor is not None:
            self._monitor.power_monitor.stop()
        for cpu in self._monitor.cpus.cpus:
            for file in (getattr(cpu, "rapl_file", None), getattr(cpu, "dram", None)):
                tracker = getattr(file, "_wraparound_tracker", None)  # the property of that name would start one
                if file is not None and tracker is not None:
                    tracker._stop()
                    file._wraparound_tracker = None  # a later meter of this process starts a new one
        stop_soc = getattr(self._monitor.soc, "_stop_process", None)
        if stop_soc is not None:
            stop_soc()


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """What Zeus can read here. `ranges_j` is at how many joules a RAPL counter starts again from zero."""

    domains: tuple[str, ...]
    ranges_j: dict[str, float]
    missing: tuple[str, ...]
    version: str

    @classmethod
    def find(cls) -> _Sources:
        import importlib.metadata

        domains: list[str] = []
        ranges_j: dict[str, float] = {}
        missing: list[str] = []
        _find_gpus(domains, missing)
        _find_cpus(domains, ranges_j, missing)
        _find_soc(domains)
        version = importlib.metadata.version("zeus")
        return cls(domains=tuple(domains), ranges_j=ranges_j, missing=tuple(missing), version=version)

    def monitor(self, gpus: list[int], cpus: list[int]) -> ZeusMonitor:
        from zeus.monitor import ZeusMonitor

        def make() -> ZeusMonitor:
            return ZeusMonitor(gpu_indices=gpus, cpu_indices=cpus, approx_instant_energy=False)

        with contextlib.suppress(RuntimeError):  # its pollers of old boards have ten seconds to start, cold
            return make()
        try:
            return make()
        except RuntimeError as error:
            reason = f"GPUs are not read: {_sentence(error)}"
            raise NoCounter((*self.missing, f"{reason}; try again when the machine is less busy")) from error


def _find_gpus(domains: list[str], missing: list[str]) -> None:
    import zeus.device.gpu as zeus_gpu
    from zeus.exception import ZeusBaseError

    try:
        gpus = zeus_gpu.get_gpus()
    except zeus_gpu.ZeusGPUInitError as error:
        if "unavailable" not in str(error):  # no driver at all is the probe's word already
            missing.append(f"no GPU is read: {_sentence(error)}")
        return
    except (ZeusBaseError, ValueError) as error:
        # ZeusMonitor would meet the same error; this is how Zeus itself says that there is no GPU
        zeus_gpu._gpus = zeus_gpu.EmptyGPUs()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        why = f"{_sentence(error)}; check CUDA_VISIBLE_DEVICES, which is {visible!r}, and nvidia-smi"
        missing.append(f"no GPU is read: {why}")
        return
    for index in range(len(gpus)):
        try:
            if gpus.supports_get_total_energy_consumption(index):
                gpus.get_total_energy_consumption(index)
            else:
                _some_power(gpus, index)
        except ZeusBaseError as error:
            missing.append(f"gpu:{index} is not read: {_sentence(error)}; see whether nvidia-smi shows its power")
        else:
            domains.append(f"gpu:{index}")


def _power_timelines(power: PowerMonitor) -> dict[int, list[tuple[float, float]]]:
    """(time in s on the wall clock, W) of every change of power so far, by GPU index."""
    from zeus.monitor.power import PowerDomain

    instant = PowerDomain.DEVICE_INSTANT in power.measurement_domains
    timelines = power.get_power_timeline(PowerDomain.DEVICE_INSTANT if instant else PowerDomain.DEVICE_AVERAGE)
    return {index: timelines.get(index, []) for index in power.gpu_indices}


def _some_power(gpus: Any, index: int) -> None:
    from zeus.device.gpu import ZeusGPUNotSupportedError

    try:
        gpus.get_instant_power_usage(index)
    except ZeusGPUNotSupportedError:
        gpus.get_average_power_usage(index)


def _find_cpus(domains: list[str], ranges_j: dict[str, float], missing: list[str]) -> None:
    import zeus.device.cpu as zeus_cpu
    from zeus.exception import ZeusBaseError

    try:
        cpus = zeus_cpu.get_cpus()
    except (ZeusBaseError, OSError) as error:
        # the probe has said why already, unless zeusd was asked and did not answer
        if any(name in os.environ for name in ("ZEUSD_SOCK_PATH", "ZEUSD_HOST_PORT")):
            missing.append(f"zeusd does not give CPU energy: {_sentence(error)}; check that it runs and may be used")
        return
    for index, cpu in enumerate(cpus.cpus):
        if not _zone_name(cpus.rapl_dir, cpu.cpu_index).startswith("package"):
            continue  # psys: the whole platform, which contains the packages
        domains.append(f"cpu:{index}")
        package, memory = getattr(cpu, "rapl_file", None), getattr(cpu, "dram", None)  # None when zeusd reads them
        if cpus.supports_get_dram_energy_consumption(index):
            domains.append(f"dram:{index}")
        for domain, file in ((f"cpu:{index}", package), (f"dram:{index}", memory)):
            if file is not None:
                ranges_j[domain] = file.max_energy_range_uj / 1e6


def _zone_name(folder: str, index: int) -> str:
    try:
        return (Path(folder) / f"intel-rapl:{index}" / "name").read_text().strip()
    except OSError:  # zeusd may see zones that this process does not
        return "package"


def _find_soc(domains: list[str]) -> None:
    from zeus.device import get_soc
    from zeus.device.soc.common import ZeusSoCInitError

    try:
        soc = get_soc()
    except ZeusSoCInitError:
        return
    if soc_joules(soc.get_total_energy_consumption()) is not None:
        domains.append("soc")


def _indices(domains: Sequence[str], kind: str) -> list[int]:
    return [int(domain.partition(":")[2]) for domain in domains if domain.startswith(f"{kind}:")]


def _rapl(domains: Sequence[str]) -> list[str]:
    return [domain for domain in domains if domain.startswith(("cpu:", "dram:"))]


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


@contextlib.contextmanager
def _read_errors() -> Iterator[None]:
    import httpx  # Zeus asks zeusd through it and lets its errors out
    from zeus.exception import ZeusBaseError

    try:
        yield
    except (ZeusBaseError, httpx.HTTPError, OSError, ValueError) as error:
        raise MeasurementInvalid(
            f"a counter could not be read: {_sentence(error)}; check the driver and measure again"
        ) from error


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
