"""Run a command to its end in a process group of its own, its output in a file, and end all of it when we are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.ab.git import undisturbed

PATIENCE_S = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0))
"""How long a group may take to end: pytest writes its results and ends its engine on an interrupt."""

TAIL_LINES = 25


def run_to_end(command: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path) -> int:
    """The exit status; what was written to stdout and stderr is in `log`.

    An interruption of ours is handed on to the whole group, and raised again when the group is gone.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and what the command started can be ended with it
        )
        try:
            return process.wait()
        finally:
            with undisturbed():
                _end(process)


def tail(log: Path) -> str:
    """The last lines of an output."""
    return "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-TAIL_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the group is left afterwards, also where its first process ended by itself."""
    for number, patience_s in PATIENCE_S:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS's word for an empty group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
