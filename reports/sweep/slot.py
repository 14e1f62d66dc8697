"""What runs on a node of a Ray cluster: one slot with its boards reserved by Ray, and questions that a node is asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from energy_fixtures.errors import ConfigurationError
from reports.sweep.collect import collect, environ_for
from reports.sweep.order import Order, is_identity
from reports.sweep.plan import Listing
from reports.sweep.worker import Step, Worker, clock_name, left_over

STEP_S = 2.0
"""Longest silence of a slot that works."""


class Slot:
    """An actor: holds its boards as long as it lives, and a warm process that forks pytest for each order.

    Args:
        folder: Where pytest is started; None for the copy that Ray has put this process into.
        node: Key of the node.
        sweep: Identity of the sweep.
    """

    def __init__(self, folder: str | None, node: str, sweep: str) -> None:
        self._worker = Worker(Path(folder or os.getcwd()), scratch_of(node, sweep), node_environ())
        self._worker.warm_up()

    def run(self, order: Order, arguments: Sequence[str], *, narrowed: bool) -> Step:
        """Begin an order; the first step of it."""
        devices = os.environ.get("CUDA_VISIBLE_DEVICES") if narrowed else None
        here = {"devices": devices, "clock": clock_name(), "folder": str(self._worker.scratch)}
        self._worker.begin(msgspec.structs.replace(order, **here), arguments)
        return self._worker.step(STEP_S)

    def step(self) -> Step:
        """What happened since the last one."""
        return self._worker.step(STEP_S)

    def give(self, nodeids: Sequence[str]) -> None:
        """Ask the running order to leave these cases to others."""
        self._worker.give(nodeids)


def scratch_of(node: str, sweep: str) -> Path:
    """The folder of a sweep on a node: this user's alone, and removed when the sweep is over.

    Raises:
        ConfigurationError: The sweep has no identity, or the folder is another user's: in a shared temporary folder anybody
            can make one of any name.
    """
    if not is_identity(sweep):
        raise ConfigurationError(f"{sweep[:64]!r} is no identity of a sweep, so it names no folder on {node}")
    folder = Path(tempfile.gettempdir())
    for name in (f"joules-sweep-{os.getuid()}", node, sweep):
        folder /= name
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
            raise ConfigurationError(
                f"{folder} is not a folder of this user's; remove it, or set TMPDIR to another one"
            )
    return folder


def node_environ() -> Mapping[str, str]:
    """The environment that the node's owner gave it: Ray's own daemon has it, while Ray changes that of its workers.

    Ray sets OMP_NUM_THREADS there, which would slow an engine down that is measured.
    """
    parent = psutil.Process(os.getppid())
    try:
        environ = parent.environ()
    except psutil.Error:  # another user's, or gone
        environ = {}
    if not environ:
        environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return environ


def rescued(node: str, sweep: str) -> list[tuple[int, str, bytes]]:
    """Journals of a sweep that lie on this node."""
    return list(left_over(scratch_of(node, sweep), sweep))


def cleared(node: str, sweep: str) -> None:
    """Remove the folder of a sweep on this node, and the node's where it was the only one."""
    scratch = scratch_of(node, sweep)
    shutil.rmtree(scratch, ignore_errors=True)
    with contextlib.suppress(OSError):  # another sweep's lies there
        scratch.parent.rmdir()


def collected(arguments: Sequence[str], folder: str | None) -> Listing:
    """The cases, as this node sees them."""
    return collect(arguments, Path(folder or os.getcwd()), environ_for(node_environ()))
