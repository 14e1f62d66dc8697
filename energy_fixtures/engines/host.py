"""The parent's side of an engine: start its process, ask, wait at no cost, and leave nothing behind.

    load ─► prepare ─► go ─► collect ─► prepare ─► ... ─► close
               │        │       │
               └────────┴───────┴── EngineFailed
                                     raised, unsupported, out_of_memory: the process still serves
                                     killed, timeout: the process is gone, `alive` is False; close and load again

This file imports no framework, and its process never touches a device.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from energy_fixtures.engines.base import (
    Collect,
    Collected,
    Command,
    EngineSpec,
    Facts,
    Failed,
    Finished,
    Go,
    Load,
    Loaded,
    Prepare,
    Prepared,
    Reached,
    Reply,
    Stop,
    Work,
)
from energy_fixtures.engines.channel import READ_BYTES, frame, reply_unframer
from energy_fixtures.engines.log_tail import log_tail
from energy_fixtures.engines.process_tree import end_tree, tree_of
from energy_fixtures.engines.scratch import leading_to, make_scratch, remove_scratch
from energy_fixtures.errors import EngineFailed
from energy_fixtures.records import Generation

OnWait = Callable[[float], None]
OnReached = Callable[[Reached], None]
Answer = TypeVar("Answer", Loaded, Prepared, Finished, Collected)

WAIT_TICK_S = 0.25  # how often progress is told; an answer wakes the wait at once
STOP_WAIT_S = 1.0  # a healthy child exits within milliseconds of Stop
DEATH_WAIT_S = 2.0  # from a closed socket to an exit status; the kernel frees the memory in between

CHILD_COMMAND = (sys.executable, "-P", "-m", "energy_fixtures.engines.child")
"""What to start. `-P`: a `transformers.py` in the user's folder must not replace the framework."""


class EngineHost:
    """One loaded engine in a process of its own. Made by `load`; use it as a context or call `close`.

    Not for several threads at once. Load from a thread that lives as long as the host does:
    Linux ends the child together with the thread that started it.

    Attributes:
        facts: What the loaded engine said of itself, for the Environment.
        pid: Root of the engine's process tree.
        timeout_s: Longest time for one step, unless the step names its own.
        on_wait: Called about every 0.25 s of a wait with the seconds waited so far; it should return quickly.
    """

    facts: Facts

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        timeout_s: float,
        on_wait: OnWait | None,
        scratch: Path | None = None,
    ) -> None:
        self._scratch = scratch
        self.timeout_s = timeout_s
        self.on_wait = on_wait
        self._log = tempfile.TemporaryFile(prefix="joules-engine-")  # noqa: SIM115 - closed by close()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=_environment(environ),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # the terminal's Ctrl-C is for pytest alone
            )
        self._unframer = reply_unframer()
        self._answered = True
        self._dead = False
        self._closed = False

    @classmethod
    def load(
        cls,
        spec: EngineSpec,
        *,
        timeout_s: float,
        on_wait: OnWait | None = None,
        environ: Mapping[str, str] | None = None,
        command: Sequence[str] = CHILD_COMMAND,
    ) -> EngineHost:
        """Start a process and load an engine in it.

        Args:
            spec: What to load.
            timeout_s: Longest time for loading, and later for each step.
            on_wait: See the class.
            environ: Variables that the child gets beside or instead of this process's own.
            command: Program to start; two arguments are added, the socket's descriptor and this process's id.

        Raises:
            EngineFailed: It could not be loaded. The process is gone already.
        """
        scratch = make_scratch() if spec.engine == "vllm" else None  # the others leave no file behind
        led = {} if scratch is None else leading_to(scratch)
        host = cls(command, {**led, **(environ or {})}, timeout_s, on_wait, scratch)
        try:
            host.facts = host._ask(Load(spec=spec), Loaded, "loading", None).facts
        except BaseException:  # nobody else holds this host yet, not even when Ctrl-C ends the wait
            host.close()
            raise
        return host

    @property
    def pid(self) -> int:
        """Process id of the engine's process, the root of its tree."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether another request can be made."""
        return not self._dead and not self._closed and self._process.poll() is None

    def prepare(self, work: Work, *, timeout_s: float | None = None) -> None:
        """Have the engine get `work` ready; not to be metered.

        Raises:
            EngineFailed: See the module; `timeout_s` None stands for the host's own.
        """
        self._ask(Prepare(work=work), Prepared, "preparing its work", timeout_s)

    def go(self, *, timeout_s: float | None = None, on_reached: OnReached | None = None) -> Finished:
        """Have the engine do the prepared work; returns when the device is idle. Raises EngineFailed.

        `on_reached` is told the moments that a serving engine comes to meanwhile.
        """
        return self._ask(Go(), Finished, "generating", timeout_s, on_reached)

    def collect(self, *, timeout_s: float | None = None) -> Generation:
        """Ask what the last `go` really did. Raises EngineFailed."""
        return self._ask(Collect(), Collected, "reporting its work", timeout_s).generation

    def close(self) -> None:
        """End the engine's whole process tree and forget its log. Quick, at any moment, any number of times."""
        if self._closed:
            return
        self._closed = True
        tree = tree_of(self._process)
        if self._answered and not self._dead and self._process.poll() is None:
            try:
                self._socket.sendall(frame(Stop()))
                self._process.wait(STOP_WAIT_S)
            except (OSError, subprocess.TimeoutExpired):
                pass  # it is killed below
        self._socket.close()
        end_tree(self._process, tree)
        if self._scratch is not None:
            remove_scratch(self._scratch)
        self._log.close()

    def __enter__(self) -> EngineHost:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        command: Command,
        answer: type[Answer],
        doing: str,
        timeout_s: float | None,
        on_reached: OnReached | None = None,
    ) -> Answer:
        if not self.alive:
            raise EngineFailed("The engine's process has ended; load it again.", kind="killed", log_tail=self._tail())
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        self._answered = False  # stays so when the wait is interrupted: such a child is not asked again
        try:
            self._socket.sendall(frame(command))
        except OSError:
            raise self._died(doing) from None
        reply = self._wait(doing, limit_s)
        while isinstance(reply, Reached):
            if on_reached is not None:
                on_reached(reply)
            reply = self._wait(doing, limit_s)
        self._answered = True
        if isinstance(reply, Failed):
            tail = "" if reply.kind == "unsupported" else self._tail()  # a refusal's sentence says it all
            raise EngineFailed(reply.message, kind=reply.kind, log_tail=tail)
        if not isinstance(reply, answer):
            raise self._spoke_nonsense(f"{type(reply).__name__} where {answer.__name__} was needed")
        return reply

    def _wait(self, doing: str, limit_s: float) -> Reply:
        """Sleep until the child answers, dies, or the time is over."""
        for reply in self._unframer.feed(b""):  # what came together with the last one
            return reply
        started_s = time.monotonic()
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while True:
            left_s = started_s + limit_s - time.monotonic()
            if left_s <= 0:
                self._end()
                raise EngineFailed(
                    f"The engine was still {doing} after {limit_s:g} s and was ended; raise --energy-timeout,"
                    " or find out in its log what it waited for.",
                    kind="timeout",
                    log_tail=self._tail(),
                )
            if poller.poll(1000 * min(left_s, WAIT_TICK_S)):
                data = self._receive()
                if not data:
                    raise self._died(doing)
                try:
                    for reply in self._unframer.feed(data):
                        return reply
                except msgspec.DecodeError as error:
                    raise self._spoke_nonsense(str(error)) from error
            elif self._process.poll() is not None:
                raise self._died(doing)  # a grandchild still holds the socket
            if self.on_wait is not None:
                self.on_wait(time.monotonic() - started_s)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(READ_BYTES)
        except ConnectionError:
            return b""

    def _died(self, doing: str) -> EngineFailed:
        """Find out how the process ended, and end what is left of its tree."""
        try:
            status = self._process.wait(DEATH_WAIT_S)
        except subprocess.TimeoutExpired:
            how = "closed its connection without exiting"
        else:
            how = f"exited with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
            if status == -signal.SIGKILL:
                how += ", probably by the kernel's out-of-memory killer; use a smaller batch or model"
        self._end()
        return EngineFailed(f"The engine's process {how} while {doing}.", kind="killed", log_tail=self._tail())

    def _spoke_nonsense(self, what: str) -> EngineFailed:
        self._end()
        return EngineFailed(
            f"The engine's process broke the protocol ({what}) and was ended; is it of another version?",
            kind="raised",
            log_tail=self._tail(),
        )

    def _end(self) -> None:
        self._dead = True
        end_tree(self._process, tree_of(self._process))

    def _tail(self) -> str:
        return "" if self._log.closed else log_tail(self._log)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: this process's own, `extra`, and a way to import this package."""
    environ = {**os.environ, **extra}
    root = str(Path(__file__).resolve().parents[2])
    if root not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):  # run from a checkout
        inherited = environ.get("PYTHONPATH")
        environ["PYTHONPATH"] = f"{root}{os.pathsep}{inherited}" if inherited else root
    return environ
