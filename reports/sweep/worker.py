"""Runs orders on this machine, one after the other, in processes forked from a warm one; Ray or not.

Two things are locked by the process that runs an order, and stay locked when whoever ordered it dies: the machine (shared by
groups that have boards, alone for one that has none or was not told which) and each board. A driver that comes after one that was killed therefore
never doubles work on a board.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from energy_fixtures.errors import JoulesError
from reports.ab.process import tail
from reports.sweep.collect import environ_for
from reports.sweep.journal import End, Line, lines_of
from reports.sweep.order import FILE, Order
from reports.sweep.warm import BUSY_S, IN_USE, Request

LOOK_S = 0.05
"""How often a journal is looked at; the reader of a file, so that the measured process is left alone."""

SETTINGS = ("-p", "reports.sweep.on_node", "-W", "ignore::pytest.PytestAssertRewriteWarning", "--color=no")
"""Beside the user's arguments; the modules are imported before pytest could rewrite them, which it warns of."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened since the last look: whole lines of the journal, and whether the process has ended.

    `failure` says why in a sentence where it did not end as it should.
    """

    lines: bytes
    ended: bool = False
    failure: str | None = None


class Worker:
    """One slot of this machine.

    Args:
        folder: Where pytest is started.
        scratch: For journals and logs.
        environ: The environment of its processes, to which this code's place is added.
    """

    def __init__(self, folder: Path, scratch: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self.scratch = scratch
        self._environ = environ_for(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._order: Order | None = None
        self._read = 0
        self._ready = False

    def warm_up(self) -> None:
        """Start the warm process; it imports while nobody waits for it."""
        if self._process is not None and self._process.poll() is None:
            return
        self._ready = False
        self.scratch.mkdir(parents=True, exist_ok=True)
        with (self.scratch / f"warm-{os.getpid()}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reports.sweep.warm"],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def begin(self, order: Order, arguments: Sequence[str]) -> None:
        """Start an order; `step` tells how it goes.

        Raises:
            JoulesError: The warm process cannot start.
        """
        self.warm_up()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        if not self._ready and not self._process.stdout.readline().startswith(b"ready"):
            raise JoulesError(f"pytest cannot be started on {order.node}:", below=self._warm_tail())
        self._order, self._read, self._ready = order, 0, True
        order.file.write_bytes(msgspec.json.encode(order))
        environ = {**self._environ, FILE: str(order.file)}
        if order.devices is not None:
            environ["CUDA_VISIBLE_DEVICES"] = order.devices
        settings = [*SETTINGS, "-o", f"cache_dir={self.scratch / 'cache'}", "-o", "energy_autosave=false"]
        request = Request(
            arguments=[*arguments, *settings],
            environ=environ,
            folder=str(self._folder),
            log=str(order.log),
            locks=_locks(order, self.scratch),
        )
        self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        self._process.stdin.flush()

    def give(self, nodeids: Sequence[str]) -> None:
        """Ask the running order to leave these cases to others."""
        assert self._order is not None
        partial = self._order.gifts.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(tuple(nodeids)))
        partial.replace(self._order.gifts)

    def step(self, wait_s: float) -> Step:
        """What happened since the last one; waits for something to happen, at most `wait_s`."""
        assert self._order is not None and self._process is not None and self._process.stdout is not None
        deadline_s = time.monotonic() + wait_s
        while True:
            ended = self._answered()
            lines = self._new_lines()
            if ended is not None:
                failure = self._failure(ended)
                return Step(lines=lines + self._closed(ended, failure), ended=True, failure=failure)
            if lines or time.monotonic() >= deadline_s:
                return Step(lines=lines)
            time.sleep(LOOK_S)

    def close(self) -> None:
        """End the order and the warm process."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- parts ---------------------------------------------------------------------------------------------------

    def _answered(self) -> int | None:
        """pytest's exit status once it has ended; the warm process's own where that died."""
        assert self._process is not None and self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], 0)[0]:
            return None
        said = self._process.stdout.readline().strip()
        if said:
            return int(said)
        return self._process.wait() or 3

    def _new_lines(self) -> bytes:
        assert self._order is not None
        if not self._order.journal.exists():
            return b""
        with self._order.journal.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole

    def _failure(self, status: int) -> str | None:
        """Why the order did not end as it should; None when pytest came to its end, whatever the tests said."""
        assert self._order is not None
        order = self._order
        said = lines_of(order.journal.read_bytes()) if order.journal.exists() else ()
        end = next((line.end for line in said if line.end is not None), None)
        if end is not None:
            return end.why
        if status == IN_USE:
            return f"{order.node}, or a board of it, stayed in use by another group for {BUSY_S:.0f} s"
        if status < 0:
            return f"pytest was killed by signal {-status} on {order.node}"
        text = tail(order.log) if order.log.exists() else self._warm_tail()
        return f"pytest ended with status {status} on {order.node}:\n{text}"

    def _closed(self, status: int, why: str | None) -> bytes:
        """The last line of a journal whose process could not write it; for those who ask when its work ended."""
        assert self._order is not None
        if not self._order.journal.exists() or any(line.end for line in lines_of(self._order.journal.read_bytes())):
            return b""
        return msgspec.json.encode(Line(end=End(status=status, ended_s=time.monotonic(), why=why))) + b"\n"

    def _warm_tail(self) -> str:
        log = self.scratch / f"warm-{os.getpid()}.log"
        return tail(log) if log.exists() else ""


def left_over(scratch: Path, sweep: str) -> Iterator[tuple[int, str, bytes]]:
    """Journals of this sweep that lie on this machine: group, token and whole lines of each."""
    for path in sorted(scratch.glob("*.jsonl")):
        group, _, token = path.stem.partition("-")
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        first: Line | None = next(iter(lines_of(whole)), None)
        if first is not None and first.begin is not None and first.begin.sweep == sweep and group.isdecimal():
            yield int(group), token, whole


def clock_name() -> str:
    """Equal for processes that read the same monotonic clock: one boot of one machine."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname()


def _locks(order: Order, scratch: Path) -> list[tuple[str, bool]]:
    """Files to lock while an order runs, and whether alone: one set per user and machine, whoever gives the orders."""
    names = [("machine", order.boards == 0 or not order.devices)]
    names += [(f"board-{device.strip()}", True) for device in (order.devices or "").split(",") if device.strip()]
    return [(str(scratch.parents[1] / f"{name}.lock"), alone) for name, alone in names]
