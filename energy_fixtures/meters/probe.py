"""Which counters this machine seems to have, by looks alone: no zeus, no CUDA, a few milliseconds.

For each kind that is missing there is one sentence that ends in a one-line fix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RAPL_DIR = Path("/sys/class/powercap/intel-rapl")
CONTAINER_RAPL_DIR = Path("/zeus_sys/class/powercap/intel-rapl")  # where Zeus looks when the first is absent
ZEUSD_VARIABLES = ("ZEUSD_SOCK_PATH", "ZEUSD_HOST_PORT")

_MOUNT = f"-v {RAPL_DIR}:{CONTAINER_RAPL_DIR}"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """`counters`: whether it is worth asking Zeus. `missing`: what is not there, each with its fix."""

    counters: bool
    missing: tuple[str, ...]


def probe(environ: Mapping[str, str] = os.environ) -> Probe:
    """Look for GPU, RAPL and SoC counters."""
    gpu, rapl = missing_gpu(), missing_rapl(environ)
    missing = tuple(sentence for sentence in (gpu, rapl) if sentence)
    return Probe(counters=gpu is None or rapl is None or _looks_like_soc(), missing=missing)


def missing_gpu() -> str | None:
    """Why no GPU can be read, or None when a driver answers."""
    try:
        import pynvml
    except ImportError:  # zeus brings it; without it only AMD boards are left
        return None if _has_amd() else "no GPU: nvidia-ml-py is not installed; pip install nvidia-ml-py"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if _has_amd():
            return None
        if error.value == pynvml.NVML_ERROR_NO_PERMISSION:
            return "no GPU: the NVIDIA driver refuses this user; give it access to /dev/nvidia* (group video or render)"
        if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return "no GPU: no NVIDIA or AMD driver is seen; install it, or start the container with --gpus all"
        return f"no GPU: the NVIDIA driver answers {str(error)!r}; check it with nvidia-smi"
    try:
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        return f"no GPU: the NVIDIA driver answers {str(error)!r}; check it with nvidia-smi"
    finally:
        pynvml.nvmlShutdown()
    if count == 0 and not _has_amd():
        return "no GPU: the NVIDIA driver shows no board; check with nvidia-smi, or start the container with --gpus all"
    return None


def missing_rapl(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why CPU and memory energy cannot be read, or None when it can."""
    tree = next((path for path in (RAPL_DIR, CONTAINER_RAPL_DIR) if path.exists()), None)
    counters = sorted(tree.glob("intel-rapl:*/energy_uj")) if tree is not None else []
    if counters:
        if any(name in environ for name in ZEUSD_VARIABLES) or all(_readable(path) for path in counters):
            return None
        return f"RAPL is there but may not be read: sudo chmod -R a+r {tree}, or run zeusd and set ZEUSD_SOCK_PATH"
    virtual = _is_virtual_machine()
    if _is_container():
        where = "this container on a virtual machine" if virtual else "this container"
        return f"no RAPL: {where} does not see it; if its host has it, start it with {_MOUNT}"
    if virtual:
        return "no RAPL: this virtual machine shows no CPU energy counter; run on bare metal"
    return "no RAPL: the kernel shows no CPU energy counter; sudo modprobe intel_rapl_msr, if the CPU has one"


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def _has_amd() -> bool:
    return os.path.exists("/dev/kfd")


def _looks_like_soc() -> bool:
    return os.path.exists("/etc/nv_tegra_release") or (os.uname().sysname == "Darwin" and os.uname().machine == "arm64")


def _is_container() -> bool:
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    groups = _text("/proc/1/cgroup")
    return any(word in groups for word in ("docker", "kubepods", "containerd", "lxc"))


def _is_virtual_machine() -> bool:
    return any(" hypervisor" in line for line in _text("/proc/cpuinfo").splitlines() if line.startswith("flags"))


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
