"""A connection to Ray; the only place that imports it. Without `pip install pytest-joules[ray]` it says so.

Ray imports the package `amdsmi` where it is installed, and Zeus brings it everywhere; without AMD's driver that import fails in
a way that Ray does not bear, while it bears the package's absence. So it is hidden from Ray in this process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError

AMD_DRIVER = Path("/dev/kfd")
PATIENCE_S = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOCAL = "local"
"""In place of an address: a cluster of this machine, for as long as the connection lasts."""

KEEP_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's switch, read when it is imported: 0 where its processes call this machine by its loopback address."""

NOT_SHIPPED = (".git", ".benchmarks", ".venv", ".tox", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def import_ray() -> Any:
    """The package.

    Raises:
        ConfigurationError: It is not installed.
    """
    if not AMD_DRIVER.exists():
        sys.modules.setdefault("amdsmi", None)  # type: ignore[arg-type]  # documented import protocol
    try:
        import ray
    except ImportError as error:
        raise ConfigurationError("--ray needs Ray: pip install pytest-joules[ray]") from error
    return ray


@contextlib.contextmanager
def connected(address: str, ship: Path | None = None, cores: int | None = None) -> Iterator[Any]:
    """Ray, connected to a cluster; disconnected at the end, which ends what was started there.

    Args:
        address: `auto`, `ray://host:port`, `host:port`, or LOCAL.
        cores: Of a LOCAL cluster; all of them when None.
        ship: A folder that every node gets a copy of and works in; None where nodes have it at the same path.

    Raises:
        ConfigurationError: Ray is not installed, or no cluster answers there.
    """
    _check_reachable(address)
    ray = import_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told
    environment = None if ship is None else {"working_dir": str(ship), "excludes": list(NOT_SHIPPED)}
    begun: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    with _without_amdsmi() if address == LOCAL else contextlib.nullcontext():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env=environment, **begun)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ConfigurationError(f"--ray {address}: no cluster answers there ({first_line(error)})") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_reachable(address: str) -> None:
    """Ray itself tries for minutes.

    It takes a loopback address for this machine's outer one. A cluster that listens on loopback alone does not answer there, so
    then Ray is kept on loopback, as it is by default on a Mac.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # `auto`, or a name that Ray knows
    host = host.strip("[]")
    try:
        _touch(host, int(port))
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"--ray {address}: no cluster answers there ({first_line(error)})") from error
    if host in LOOPBACK and not address.startswith("ray://"):
        try:
            _touch(_outer(), int(port))
        except OSError:
            os.environ[KEEP_LOOPBACK] = "0"


def _touch(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=PATIENCE_S).close()


def _outer() -> str:
    """This machine's address as others see it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("8.8.8.8", 80))
        return str(probe.getsockname()[0])


@contextlib.contextmanager
def _without_amdsmi() -> Iterator[None]:
    """Processes that are started meanwhile find an `amdsmi` that says it is not there."""
    if AMD_DRIVER.exists():
        yield
        return
    before = os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "amdsmi.py").write_text("raise ImportError('no AMD driver here')\n")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, before)))
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
