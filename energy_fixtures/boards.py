"""Facts of the accelerators in this machine, for the Environment: read through NVML, without a CUDA context."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Facts = Mapping[str, str | int | float | bool]


def read_boards(environ: Mapping[str, str] = os.environ) -> tuple[Facts, ...]:
    """One mapping per NVIDIA board that CUDA_VISIBLE_DEVICES lets through; empty without an NVIDIA driver.

    Keys: `name`, `uuid`, `driver`, `vbios`, `memory_total_bytes`, `power_limit_w`, `persistence`, `ecc`, `mig`,
    `max_graphics_clock_hz`, `max_memory_clock_hz`. What a board does not tell is left out. AMD boards are not read:
    importing `amdsmi` has side effects and their energy readings come through Zeus all the same.
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
    readers: dict[str, Callable[[], str | int | float | bool]] = {
        "name": lambda: str(nvml.nvmlDeviceGetName(board)),
        "uuid": lambda: str(nvml.nvmlDeviceGetUUID(board)),
        "driver": lambda: str(nvml.nvmlSystemGetDriverVersion()),
        "vbios": lambda: str(nvml.nvmlDeviceGetVbiosVersion(board)),
        "memory_total_bytes": lambda: int(nvml.nvmlDeviceGetMemoryInfo(board).total),
        "power_limit_w": lambda: nvml.nvmlDeviceGetPowerManagementLimit(board) / 1000,
        "persistence": lambda: bool(nvml.nvmlDeviceGetPersistenceMode(board)),
        "ecc": lambda: bool(nvml.nvmlDeviceGetEccMode(board)[0]),
        "mig": lambda: bool(nvml.nvmlDeviceGetMigMode(board)[0]),
        "max_graphics_clock_hz": lambda: nvml.nvmlDeviceGetMaxClockInfo(board, nvml.NVML_CLOCK_GRAPHICS) * 1_000_000,
        "max_memory_clock_hz": lambda: nvml.nvmlDeviceGetMaxClockInfo(board, nvml.NVML_CLOCK_MEM) * 1_000_000,
    }
    facts: dict[str, str | int | float | bool] = {}
    for key, read in readers.items():
        try:
            facts[key] = read()
        except nvml.NVMLError:  # this board does not tell; unknown is absent, not zero
            continue
    return facts
