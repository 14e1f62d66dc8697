"""What NVML tells of a board beside its energy: clock, power limit, throttling, processes, MIG; without CUDA.

NVML counts who initialised it: it stays up from `nvml_conditions` until `close`, whatever others start and end meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

THROTTLE = {
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""Names of NVML's clock event reasons by bit (nvml.h, nvmlClocksEventReasons). 0x001, `gpu_idle`, slows no work."""

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """A board at one moment; None where it does not tell.

    `throttle` holds names of `THROTTLE`. `processes` are the ids of those with a compute context on the board, in the
    driver's numbering: a container may know them by other numbers or not at all. Processes that only draw on it (a
    desktop) are not among them.
    """

    sm_clock_hz: float | None = None
    power_limit_w: float | None = None
    throttle: tuple[str, ...] | None = None
    processes: tuple[int, ...] | None = None
    mig: bool | None = None


@dataclass(frozen=True, kw_only=True)
class BoardSensor:
    """How to ask one board.

    Attributes:
        domain: `gpu:0`.
        power_w: Its power now, as fresh as it tells it; raises whatever its maker raises.
        temperature_c: Likewise.
        conditions: All else; see `nvml_conditions`.
    """

    domain: str
    power_w: Callable[[], float]
    temperature_c: Callable[[], float] | None = None
    conditions: Callable[[], Conditions] | None = None


class NvmlConditions:
    """Asks NVML for the conditions of one board, each time it is called."""

    def __init__(self, nvml: Any, board: Any) -> None:
        self._nvml = nvml
        self._board = board
        self._open = True
        self._mig = self._partitioned()  # changing it takes a reset of the board

    def __call__(self) -> Conditions:
        """The board now. What it does not tell is None: of a lost board all but `mig`, which it said before."""
        nvml, board = self._nvml, self._board
        sm_mhz = self._told(lambda: nvml.nvmlDeviceGetClockInfo(board, nvml.NVML_CLOCK_SM))
        # the limit that somebody set; the enforced one moves by itself where a laptop shares power with its processor
        limit_mw = self._told(lambda: nvml.nvmlDeviceGetPowerManagementLimit(board))
        reasons = self._told(lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(board))
        if reasons is None:  # the name before driver 535
            reasons = self._told(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(board))
        processes = self._told(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(board))
        return Conditions(
            sm_clock_hz=None if sm_mhz is None else sm_mhz * 1e6,
            power_limit_w=None if limit_mw is None else limit_mw / 1000,
            throttle=None if reasons is None else throttle_names(reasons),
            processes=None if processes is None else tuple(sorted({process.pid for process in processes})),
            mig=self._mig,
        )

    def close(self) -> None:
        """Give NVML back; calling it twice does no harm."""
        if self._open:
            self._open = False
            self._told(self._nvml.nvmlShutdown)

    def _told(self, ask: Callable[[], Value]) -> Value | None:
        try:
            return ask()
        except self._nvml.NVMLError:  # not supported, not permitted, or the board is lost
            return None

    def _partitioned(self) -> bool | None:
        try:
            return bool(self._nvml.nvmlDeviceGetMigMode(self._board)[0])
        except self._nvml.NVMLError as error:  # boards without MIG say that they do not support the question
            return False if error.value == self._nvml.NVML_ERROR_NOT_SUPPORTED else None


def nvml_conditions(index: int) -> NvmlConditions | None:
    """What to call for the conditions of NVIDIA board `index`; None without a driver or such a board.

    Args:
        index: NVML's own, which counts all boards of the machine whatever CUDA_VISIBLE_DEVICES says.
    """
    try:
        import pynvml
    except ImportError:  # comes with zeus; without it no NVIDIA board can be metered either
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        board = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError:
        pynvml.nvmlShutdown()
        return None
    return NvmlConditions(pynvml, board)


def throttle_names(reasons: int) -> tuple[str, ...]:
    """Names of the bits of NVML's clock event reasons; bits that have no name here are left out."""
    return tuple(name for bit, name in THROTTLE.items() if reasons & bit)
