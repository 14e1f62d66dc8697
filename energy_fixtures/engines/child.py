"""The process that holds one engine: `python -m energy_fixtures.engines.child FD PARENT` serves the socket FD.

    Load ─► set defaults of the environment, import the framework, load
    Prepare ─► engine.prepare, then collect and freeze Python's garbage
    Go ─► no garbage collection; started_s, engine.run, ended_s
    Collect ─► engine.collect
    Stop, or the parent is gone ─► exit at once, whatever the framework would still like to tidy up

Errors become Failed replies; their traceback goes to stderr, which the parent keeps as the engine's log.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Literal

from energy_fixtures.engines.base import (
    Collect,
    Collected,
    Command,
    Engine,
    EngineSpec,
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
)
from energy_fixtures.engines.channel import commands, frame
from energy_fixtures.engines.transformers_limits import refusal_of_spec
from energy_fixtures.errors import EngineFailed
from energy_fixtures.records import SERVERS

EngineFactory = Callable[[EngineSpec], Engine]

QUIET = {
    "DO_NOT_TRACK": "1",  # vLLM's usage report needs a network and starts a thread
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would add joules of their own, and it warns after a fork
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Defaults of an engine's environment; what the user has set stays."""

SPIN_COUNT = "20000"
"""How often an OpenMP thread looks before it sleeps while it waits for the others, some 30 µs; libgomp's own default is
300,000. Long spins use full power for nothing, and where many processes share the cores each waits for threads that do
not run: a batch of one then took seconds. Sleeping at once costs more than the work of a small model: 0.37 s instead of
0.12 s for 64 + 64 tokens on two quiet cores, where this count takes 0.13 s."""

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")
"""What PyTorch's RuntimeErrors say, in lower case, when memory of the board or of the host ran out."""

PR_SET_PDEATHSIG = 1  # linux/prctl.h
AMD_DRIVER = "/dev/kfd"  # there as soon as amdgpu is loaded


def create_engine(spec: EngineSpec) -> Engine:
    """Load the engine that `spec` names; only here does a framework enter a process."""
    if spec.engine in SERVERS:  # vLLM's server holds its own copies
        from energy_fixtures.engines.server_engine import ServerEngine

        return ServerEngine(spec)
    if spec.data_parallel > 1:
        from energy_fixtures.engines.data_parallel import DataParallelEngine

        return DataParallelEngine(spec)
    if spec.engine == "transformers":
        if (reason := refusal_of_spec(spec)) is not None:  # known before the seconds that the import takes
            raise EngineFailed(reason, kind="unsupported")
        from energy_fixtures.engines.transformers_engine import TransformersEngine

        return TransformersEngine(spec)
    from energy_fixtures.engines.vllm_engine import VllmEngine

    return VllmEngine(spec)


class Server:
    """Answers commands with one engine."""

    def __init__(self, engine_factory: EngineFactory, announce: Callable[[Reached], None]) -> None:
        self._engine_factory = engine_factory
        self._announce = announce
        self._engine: Engine | None = None
        self._case = ""

    def answer(self, command: Command) -> bytes:
        """Do what `command` asks and return the framed reply. Never raises: what goes wrong is the answer."""
        try:
            return frame(self._do(command))
        except Exception as error:  # any framework error concerns this request alone, and the parent has to hear of it
            if not isinstance(error, EngineFailed):  # whose sentence says it all
                traceback.print_exc()
            failed = Failed(kind=_kind(error), message=_message(error))
        _release_memory()
        return frame(failed)

    def _do(self, command: Command) -> Reply:
        match command:
            case Load(spec=spec):
                for name, value in QUIET.items():
                    os.environ.setdefault(name, value)
                if "OMP_WAIT_POLICY" not in os.environ:  # the user's own word on how to wait
                    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
                if not spec.trust_remote_code:
                    # Transformers imports scikit-learn, a second of every load, for a schedule of assisted decoding
                    # that we switch off; None makes it look absent. A model's own code may want it.
                    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]  # documented import protocol
                self._engine = self._engine_factory(spec)
                if hasattr(self._engine, "on_reached"):  # a serving engine
                    self._engine.on_reached = self._announce
                return Loaded(facts=self._engine.facts)
            case Prepare(work=work):
                self._loaded().prepare(work)
                if work.scenario.key != self._case:
                    gc.unfreeze()  # cycles that died since the last case began are collected with the rest
                    self._case = work.scenario.key
                gc.collect()
                gc.freeze()  # the next collect need not walk the framework's million objects again
                return Prepared()
            case Go():
                return self._go()
            case Collect():
                return Collected(generation=self._loaded().collect())
            case Stop():
                raise EngineFailed("Stop has no answer.", kind="raised")

    def _go(self) -> Finished:
        run = self._loaded().run
        gc.disable()
        try:
            started_s = time.monotonic()
            run()
            ended_s = time.monotonic()
        finally:
            gc.enable()
        return Finished(started_s=started_s, ended_s=ended_s)

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise EngineFailed("No engine is loaded in this process; send Load first.", kind="raised")
        return self._engine


def _kind(error: Exception) -> Literal["raised", "out_of_memory", "unsupported"]:
    if isinstance(error, EngineFailed):
        return error.kind if error.kind in ("out_of_memory", "unsupported") else "raised"  # type: ignore[return-value]
    torch_error = getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)
    if isinstance(error, (MemoryError, torch_error)):
        return "out_of_memory"
    if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return "out_of_memory"
    return "raised"


def _message(error: Exception) -> str:
    if isinstance(error, EngineFailed):
        return str(error.args[0])
    return f"{type(error).__name__}: {error}"


def _release_memory() -> None:
    """Let go of what the failed request had allocated, so that the next one can have it."""
    gc.collect()
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        cuda.empty_cache()


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when `parent_pid` ends, even by SIGKILL (Linux; elsewhere the socket tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it ended before the kernel knew
            os._exit(1)


def serve(connection: socket.socket, engine_factory: EngineFactory) -> None:
    """Answer commands until Stop comes or the parent's end of `connection` is closed."""
    server = Server(engine_factory, lambda reached: connection.sendall(frame(reached)))
    for command in commands(connection):
        if isinstance(command, Stop):
            return
        connection.sendall(server.answer(command))


def main(argv: list[str] | None = None, engine_factory: EngineFactory = create_engine) -> None:
    """Serve the socket whose descriptor is the first argument, for the parent whose process id is the second."""
    descriptor, parent_pid = map(int, sys.argv[1:] if argv is None else argv)
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()  # a crash in native code leaves its Python stack in the log
    os.set_inheritable(descriptor, False)  # a worker that outlives this process must not keep the parent waiting
    with contextlib.suppress(ConnectionError), socket.socket(fileno=descriptor) as connection:
        serve(connection, engine_factory)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the framework's own shutdown takes seconds and frees what the kernel frees anyway


def hide_amdsmi_without_amd() -> None:
    """Make a package `amdsmi` without AMD's driver look absent: it comes with Zeus and cannot be imported then.

    Ray, which vLLM imports where it is installed, bears its absence and not its failure.
    """
    if not os.path.exists(AMD_DRIVER):
        sys.modules.setdefault("amdsmi", None)  # type: ignore[arg-type]  # documented import protocol


if __name__ in ("__main__", "__mp_main__"):  # the second in vLLM's workers, which import this file before vLLM
    hide_amdsmi_without_amd()
if __name__ == "__main__":
    main()
