"""The same draws on several workers by Ray; the only file that knows it. Without `pip install pytest-joules[ray]` it says so.

Ray imports the package `amdsmi` where it is installed, and Zeus brings it everywhere; without AMD's driver that import fails
in a way that Ray does not bear, while it bears the package's absence. So it is hidden from Ray here, and from the workers of a
cluster that is begun here. Workers elsewhere need pytest-joules of the same version, and their cluster is its owner's concern.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.estimate.distributions import Floats
from reports.estimate.montecarlo import Runner, Task, compute

LOCAL = "local"
"""In place of an address: a cluster of this machine, for as long as the command runs."""

AMD_DRIVER = Path("/dev/kfd")

_TASKS_PER_CALL = 4
"""A quarter of a million draws: two megabytes to send back, some ten milliseconds of work."""

_PATIENCE_S = 5.0


@contextmanager
def ray_runner(address: str, cores: int | None = None) -> Iterator[Runner]:
    """Computes draws on a cluster; disconnects at the end.

    Args:
        address: `auto`, `ray://host:port`, `host:port`, or LOCAL.
        cores: Of a LOCAL cluster; all of them when None.

    Raises:
        ConfigurationError: Ray is not installed, or no cluster answers there.
        JoulesError: A worker failed.
    """
    if not AMD_DRIVER.exists():
        sys.modules.setdefault("amdsmi", None)  # type: ignore[arg-type]  # documented import protocol
    try:
        import ray
    except ImportError as error:
        raise ConfigurationError("--ray needs Ray: pip install pytest-joules[ray]") from error
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    _check_reachable(address)
    with _without_amdsmi() if address == LOCAL else nullcontext():
        try:
            if address == LOCAL:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told
                ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
            else:
                ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ConfigurationError(f"--ray {address}: no cluster answers there ({_first_line(error)})") from error
        remote = ray.remote(_computed)

        def run(tasks: Sequence[Task]) -> Iterable[Floats]:
            groups = [tasks[first : first + _TASKS_PER_CALL] for first in range(0, len(tasks), _TASKS_PER_CALL)]
            waiting = [remote.remote(group) for group in groups]
            try:
                for one in waiting:
                    yield from ray.get(one)
            except ray.exceptions.RayError as error:
                raise JoulesError(f"--ray {address}: a worker failed ({_first_line(error)})") from error

        try:
            yield run
        finally:
            ray.shutdown()


def _computed(tasks: Sequence[Task]) -> list[Floats]:
    return [compute(task) for task in tasks]


def _check_reachable(address: str) -> None:
    """Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # `auto`, or a name that Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"--ray {address}: no cluster answers there ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextmanager
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
