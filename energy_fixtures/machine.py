"""Facts of the host for the Environment: what decides its speed and watts, read from files that everybody may read.

A fact that this machine does not tell is left out. Never a host name, a user name, a path or an id.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

_SWITCH = {"0": "off", "1": "on"}
_CONTAINERS = (  # a word that a runtime leaves in the hints, and the kind it stands for; the outermost runtime first
    ("kubepods", "kubernetes"),
    ("kubelet", "kubernetes"),
    ("libpod", "podman"),
    ("podman", "podman"),
    ("containers/storage", "podman"),
    ("docker", "docker"),
    ("containerd", "containerd"),
    ("lxc", "lxc"),
)


@cache
def host_facts() -> dict[str, str | int]:
    """Everything in `READERS` that this machine tells; read once."""
    return read_host(Path("/"), os.environ)


def read_host(root: Path, environ: Mapping[str, str]) -> dict[str, str | int]:
    """The facts of the machine whose `/proc` and `/sys` lie below `root`.

    Returns:
        `cpu` name, usable `cores`, `memory_bytes`, `system`, `kernel`, `machine`, `python`; `governor` and `epp` of
        the clocks (several joined by "+"), `smt` and `turbo` as on or off, `container` kind or none,
        `virtual_machine` as yes or no.
    """
    facts = ((name, read(root, environ)) for name, read in READERS.items())
    return {name: value for name, value in facts if value is not None}


def _cpu(root: Path, environ: Mapping[str, str]) -> str:
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cores(root: Path, environ: Mapping[str, str]) -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory_bytes(root: Path, environ: Mapping[str, str]) -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _governor(root: Path, environ: Mapping[str, str]) -> str | None:
    return _of_all_cores(root, "scaling_governor")


def _epp(root: Path, environ: Mapping[str, str]) -> str | None:
    """Energy performance preference: how far the processor itself leans towards saving, beside the governor."""
    return _of_all_cores(root, "energy_performance_preference")


def _smt(root: Path, environ: Mapping[str, str]) -> str | None:
    return _SWITCH.get(_text(root / "sys/devices/system/cpu/smt/active") or "")


def _turbo(root: Path, environ: Mapping[str, str]) -> str | None:
    refused = _SWITCH.get(_text(root / "sys/devices/system/cpu/intel_pstate/no_turbo") or "")
    if refused is not None:
        return "off" if refused == "on" else "on"
    return _SWITCH.get(_text(root / "sys/devices/system/cpu/cpufreq/boost") or "")


def _container(root: Path, environ: Mapping[str, str]) -> str | None:
    """By what each runtime leaves behind in its containers: hints, of which only the kind is kept."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    if "APPTAINER_CONTAINER" in environ or "SINGULARITY_CONTAINER" in environ:
        return "apptainer"
    groups = _text(root / "proc/1/cgroup")
    hints = "\n".join([groups or "", environ.get("container", ""), *_files_from_outside(root)])
    found = next((kind for word, kind in _CONTAINERS if word in hints), None)
    if found is None and (root / "run/.containerenv").exists():
        return "podman"
    if found is None and (root / ".dockerenv").exists():
        return "docker"
    return found or (None if groups is None else "none")


def _files_from_outside(root: Path) -> list[str]:
    """The mounts of files that a container's runtime writes for it; a machine that only runs containers has none."""
    mounts = (_text(root / "proc/self/mountinfo") or "").splitlines()
    return [mount for mount in mounts if mount.split()[4:5] in (["/etc/hostname"], ["/etc/hosts"])]


def _virtual_machine(root: Path, environ: Mapping[str, str]) -> str | None:
    if (root / "sys/hypervisor/type").exists():
        return "yes"
    flags = [line for line in (_text(root / "proc/cpuinfo") or "").splitlines() if line.startswith("flags")]
    if not flags:  # not an x86 processor: nothing in its flags would say so
        return None
    return "yes" if any(" hypervisor" in line for line in flags) else "no"


READERS: Mapping[str, Callable[[Path, Mapping[str, str]], str | int | None]] = {
    "cpu": _cpu,
    "cores": _cores,
    "memory_bytes": _memory_bytes,
    "system": lambda root, environ: platform.system(),
    "kernel": lambda root, environ: platform.release(),
    "machine": lambda root, environ: platform.machine(),
    "python": lambda root, environ: platform.python_version(),
    "governor": _governor,
    "epp": _epp,
    "smt": _smt,
    "turbo": _turbo,
    "container": _container,
    "virtual_machine": _virtual_machine,
}


def _of_all_cores(root: Path, name: str) -> str | None:
    policies = (root / "sys/devices/system/cpu/cpufreq").glob(f"policy*/{name}")
    return "+".join(sorted({text for text in map(_text, policies) if text})) or None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # this kernel does not have it, or does not show it to this user
        return None
