"""The same draws on several workers by Ray.

Workers elsewhere need pytest-joules of the same version, and their cluster is its owner's concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from energy_fixtures.errors import JoulesError
from reports.estimate.distributions import Floats
from reports.estimate.montecarlo import Runner, Task, compute
from reports.ray_connection import connected, first_line

_TASKS_PER_CALL = 4
"""A quarter of a million draws: two megabytes to send back, some ten milliseconds of work."""


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
    with connected(address, cores=cores) as ray:
        remote = ray.remote(_computed)

        def run(tasks: Sequence[Task]) -> Iterable[Floats]:
            groups = [tasks[first : first + _TASKS_PER_CALL] for first in range(0, len(tasks), _TASKS_PER_CALL)]
            waiting = [remote.remote(group) for group in groups]
            try:
                for one in waiting:
                    yield from ray.get(one)
            except ray.exceptions.RayError as error:
                raise JoulesError(f"--ray {address}: a worker failed ({first_line(error)})") from error

        yield run


def _computed(tasks: Sequence[Task]) -> list[Floats]:
    return [compute(task) for task in tasks]
