"""Facts of the accelerators in this machine, for the Environment: read through NVML, without a CUDA context."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Facts = Mapping[str, str | int | float | bool]


def read_boards(environ: Mapping[str, str] = os.environ) -> tuple[Facts, ...]:
    """One mapping per NVIDIA board that CUDA_VISIBLE_DEVICES lets through; empty without an NVIDIA driver.

    Keys are those of `READERS`. What a board does not tell is left out. AMD boards are not read: importing `amdsmi`
    has side effects and their energy readings come through Zeus all the same.
    """
    with _nvml() as nvml:
        if nvml is None:
            return ()
        indices = _visible(nvml, environ.get("CUDA_VISIBLE_DEVICES"))
        return tuple(_facts(nvml, nvml.nvmlDeviceGetHandleByIndex(index)) for index in indices)


def device_indices(devices: str) -> list[int]:
    """The indices of the boards that this value of CUDA_VISIBLE_DEVICES names by index or UUID, in its order."""
    with _nvml() as nvml:
        return [] if nvml is None else _visible(nvml, devices)


@contextlib.contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, initialised, or None where there is no NVIDIA driver."""
    try:
        import pynvml
    except ImportError:  # comes with zeus; without it no NVIDIA board can be metered either
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _visible(nvml: Any, devices: str | None) -> list[int]:
    """As in CUDA, a word that names no board hides itself and all after it."""
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        uuids = [nvml.nvmlDeviceGetUUID(handle) for handle in handles]
    except nvml.NVMLError:  # a board fell off the bus; the meter says which
        return []
    if devices is None:
        return list(range(len(uuids)))
    indices: list[int] = []
    for word in (word.strip() for word in devices.split(",")):
        if word.isdecimal():
            found = [int(word)] if int(word) < len(uuids) else []
        else:
            found = [index for index, uuid in enumerate(uuids) if word and uuid.startswith(word)]
        if not found:
            break
        indices.append(found[0])
    return indices


def _facts(nvml: Any, board: Any) -> Facts:
    facts: dict[str, str | int | float | bool] = {}
    for key, read in READERS.items():
        try:
            facts[key] = read(nvml, board)
        except nvml.NVMLError:  # this board or driver does not tell; unknown is absent, not zero
            continue
    return facts


def _clocks_locked(nvml: Any, board: Any) -> bool:
    """Whether an applications clock is not at its default (`nvidia-smi -ac`).

    NVML has no question for what `nvidia-smi -lgc` sets; that lock shows in the clocks seen while the board works
    (`BoardTrace.sm_clock_max_hz`).
    """
    kinds = (nvml.NVML_CLOCK_GRAPHICS, nvml.NVML_CLOCK_MEM)
    return any(
        nvml.nvmlDeviceGetApplicationsClock(board, kind) != nvml.nvmlDeviceGetDefaultApplicationsClock(board, kind)
        for kind in kinds
    )


def _cuda_driver(nvml: Any, board: Any) -> str:
    version = int(nvml.nvmlSystemGetCudaDriverVersion())  # 1000 times the major version, 10 times the minor one
    return f"{version // 1000}.{version % 1000 // 10}"


READERS: Mapping[str, Callable[[Any, Any], str | int | float | bool]] = {
    "name": lambda nvml, board: str(nvml.nvmlDeviceGetName(board)),
    "uuid": lambda nvml, board: str(nvml.nvmlDeviceGetUUID(board)),
    "driver": lambda nvml, board: str(nvml.nvmlSystemGetDriverVersion()),
    "cuda_driver": _cuda_driver,
    "vbios": lambda nvml, board: str(nvml.nvmlDeviceGetVbiosVersion(board)),
    "memory_total_bytes": lambda nvml, board: int(nvml.nvmlDeviceGetMemoryInfo(board).total),
    "power_limit_w": lambda nvml, board: nvml.nvmlDeviceGetPowerManagementLimit(board) / 1000,
    "default_power_limit_w": lambda nvml, board: nvml.nvmlDeviceGetPowerManagementDefaultLimit(board) / 1000,
    "persistence": lambda nvml, board: bool(nvml.nvmlDeviceGetPersistenceMode(board)),
    "ecc": lambda nvml, board: bool(nvml.nvmlDeviceGetEccMode(board)[0]),
    "mig": lambda nvml, board: bool(nvml.nvmlDeviceGetMigMode(board)[0]),
    # Hopper's and Blackwell's link to a Grace CPU on the same module: what their energy contains hangs on it
    "superchip": lambda nvml, board: bool(nvml.nvmlDeviceGetC2cModeInfoV(board).isC2cEnabled),
    "clocks_locked": _clocks_locked,
    "graphics_clock_setting_hz": lambda nvml, board: (
        nvml.nvmlDeviceGetApplicationsClock(board, nvml.NVML_CLOCK_GRAPHICS) * 1_000_000
    ),
    "memory_clock_setting_hz": lambda nvml, board: (
        nvml.nvmlDeviceGetApplicationsClock(board, nvml.NVML_CLOCK_MEM) * 1_000_000
    ),
    "max_graphics_clock_hz": lambda nvml, board: (
        nvml.nvmlDeviceGetMaxClockInfo(board, nvml.NVML_CLOCK_GRAPHICS) * 1_000_000
    ),
    "max_memory_clock_hz": lambda nvml, board: nvml.nvmlDeviceGetMaxClockInfo(board, nvml.NVML_CLOCK_MEM) * 1_000_000,
}
"""Facts of one board by name: units as the names say, `cuda_driver` the newest CUDA that the driver serves."""
