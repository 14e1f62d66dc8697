"""What each domain's joules contain, and which of them would count the same joules twice. Pure: names and values in.

    gpu:0  board: GPU, memory, regulators          a superchip's: CPU and LPDDR too      ┐ never add what lies
    cpu:0  package: cores, caches, integrated GPU                                        │ inside another one
    dram:0 memory on that package's channels                                             │
    soc    the chip's own parts, or the board's total rail                               ┘

Sources:
    NVML, nvmlDeviceGetPowerUsage: "power usage for this GPU and its associated circuitry (e.g. memory)";
    nvmlDeviceGetTotalEnergyConsumption: "total energy consumption for this GPU".
    Zeus 0.16, zeus/device/gpu/nvidia.py: "For Grace Hopper, the power and energy values are for the entire
    superchip/module"; it reads power in NVML_POWER_SCOPE_MODULE there, which holds regulator losses, DRAM, GPU and HBM
    (Alumet's table of the superchip's sensors). Not checked on such a board here.
    Zeus 0.16, zeus/device/gpu/amd.py, and ml-energy/zeus#203: of an MI250 or MI250X the driver tells both dies' power as
    the even die's; what the odd die says is zero, or the same again.
    Intel SDM volume 3, 16.10 (RAPL): package is cores and uncore, the integrated GPU among them; DRAM is apart; psys is the
    platform, which holds the package. Zeus reads AMD's packages through the same files, which have no DRAM.
    Zeus 0.16, zeus/device/soc/{jetson,apple}.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

GPU = "the board as its own sensor sees it (GPU, memory, regulators), without the host"
SUPERCHIP = "the whole superchip module (GPU, its memory, Grace CPU, LPDDR, regulators)"
DUAL_DIE = "the board with both of its dies, memory and regulators, without the host"
SECOND_DIE = "one die of a dual-die board; its driver may tell the whole board's joules as the other die's"
CPU = "the processor package (cores, caches, memory controller, integrated GPU), without memory"
DRAM = "the memory on that package's channels"
SOC = (
    "the chip with processor, GPU and memory: a Jetson's total input where it has that rail, else the sum of its parts"
)

_SUPERCHIP = re.compile(r"\bG[HB]\d{2,3}\b")  # GH200, GB200, GB300, GB10: a Grace CPU on the GPU's module
_DUAL_DIE = re.compile(r"\bMI250X?\b")
_PART_OF_SOC = re.compile(r"\b(Tegra|Xavier|Orin|Thor|GB10)\b|nvgpu", re.IGNORECASE)

SAME_SHARE = 0.05
"""Two counters are one when they differ by less than this share of what they grew by: both are read within a
millisecond of each other, while two dies' joules since the driver was loaded are apart by what seconds of work cost."""


def contents(domains: Sequence[str], board_names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """What the joules of each domain contain, in one phrase, in the order of `domains`.

    Args:
        domains: As in `MeterInfo.domains`.
        board_names: Name of the board behind `gpu:N` at position N; shorter or empty where names are unknown.

    >>> contents(("gpu:0", "dram:0"), ("NVIDIA H200",))[1]
    ('dram:0', "the memory on that package's channels")
    """
    return tuple((domain, _content(domain, board_names)) for domain in domains)


def inside_another(domains: Sequence[str], board_names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Domains whose joules another of `domains` contains, each with the sentence that says so; names decide alone.

    A superchip's board holds its CPU and memory; a SoC's total holds CPU, memory and the integrated GPU. Adding a domain
    of this list to the rest counts it twice, so it is better left out.
    """
    holders = [domain for domain in domains if _SUPERCHIP.search(_name(domain, board_names))]
    found: list[tuple[str, str]] = []
    for domain in domains:
        on_host = domain.startswith(("cpu:", "dram:"))
        integrated = domain.startswith("gpu:") and bool(_PART_OF_SOC.search(_name(domain, board_names)))
        if "soc" in domains and (on_host or integrated):
            found.append((domain, f"{domain} is left out: the joules of soc contain it"))
        elif holders and on_host:
            found.append((domain, f"{domain} is left out: the joules of {holders[0]}, a superchip, contain it"))
    return tuple(found)


def counted_twice(
    board_names: Sequence[str], earlier_j: Mapping[str, float], later_j: Mapping[str, float]
) -> tuple[tuple[str, str], ...]:
    """Second dies of dual-die boards whose counter is the first die's again, each with the sentence that says so.

    Args:
        board_names: Name of the board behind `gpu:N` at position N.
        earlier_j: Counter values by domain in joules at one moment, all read at once.
        later_j: The same at a later moment, long enough for the counters to move (half a second is).

    Returns:
        Domains to leave out. None where the counters did not move: nothing can be told from that, and nothing is added.
    """
    found: list[tuple[str, str]] = []
    for first in sorted(earlier_j):
        kind, _, index = first.partition(":")
        if kind != "gpu" or not index.isdigit() or int(index) % 2 or not _DUAL_DIE.search(_name(first, board_names)):
            continue
        second = f"gpu:{int(index) + 1}"
        if second not in earlier_j or not _DUAL_DIE.search(_name(second, board_names)):
            continue
        grown_j = later_j[first] - earlier_j[first]
        apart_j = max(abs(later_j[first] - later_j[second]), abs(earlier_j[first] - earlier_j[second]))
        if grown_j > 0 and apart_j < SAME_SHARE * grown_j:
            found.append((second, f"{second} is left out: it is one board with {first}, whose joules contain it"))
    return tuple(found)


def two_dies(board_names: Sequence[str]) -> bool:
    """Whether a board is of a kind whose two dies may tell the same joules, so that `counted_twice` is worth asking."""
    return any(_DUAL_DIE.search(name) for name in board_names)


def _content(domain: str, board_names: Sequence[str]) -> str:
    kind, _, index = domain.partition(":")
    if kind != "gpu":
        return {"cpu": CPU, "dram": DRAM, "soc": SOC}[kind]
    name = _name(domain, board_names)
    if _SUPERCHIP.search(name):
        return SUPERCHIP
    if _DUAL_DIE.search(name):
        return SECOND_DIE if int(index) % 2 else DUAL_DIE
    return GPU


def _name(domain: str, board_names: Sequence[str]) -> str:
    """The name of a GPU domain's board; empty for other domains and where it is unknown."""
    kind, _, index = domain.partition(":")
    known = kind == "gpu" and index.isdigit() and int(index) < len(board_names)
    return board_names[int(index)] if known else ""
