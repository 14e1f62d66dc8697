"""How much sessions of the same work differ on this machine: A against A, several times, kept in the store.

Each session is a pytest run of its own, saved as NNNN_calibrate_ and eight hex digits, so that the gate of later runs learns from it;
the eight digits are those of this call, whose sessions all measured the same code, edited or not (`reports.past`).
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from energy_fixtures.records import Run
from energy_fixtures.store import read_run
from reports.ab.process import run_to_end, tail
from reports.noise import Between, learn

NAME = "calibrate"
FEWEST_SESSIONS = 2


class CalibrationFailed(JoulesError):
    """A session ended without the results that were wanted; the message holds the end of its output."""


def calibrate(
    arguments: Sequence[str],
    sessions: int,
    say: Callable[[str], None],
    command: Sequence[str] = (sys.executable, "-m", "pytest"),
) -> Between:
    """Run pytest with `arguments` so many times and learn what the sessions differ by.

    Args:
        arguments: Of pytest.
        sessions: At least 2.
        say: Told before each session.
        command: What runs pytest.

    Raises:
        ConfigurationError: Too few sessions.
        CalibrationFailed: A session failed, or measured nothing.
    """
    if sessions < FEWEST_SESSIONS:
        raise ConfigurationError(f"--sessions {sessions}: a difference needs at least {FEWEST_SESSIONS} sessions")
    runs: list[Run] = []
    name = f"{NAME}_{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="joules-calibrate-") as folder:
        for number in range(1, sessions + 1):
            say(f"session {number} of {sessions}")
            document, log = Path(folder) / f"{number}.json", Path(folder) / f"{number}.log"
            options = [f"--energy-save={name}", f"--energy-json={document}", "--color=no"]
            status = run_to_end([*command, *arguments, *options], folder=Path.cwd(), environ=os.environ, log=log)
            if status != 0 or not document.exists():
                why = f"ended with exit status {status}" if status else "measured nothing"
                raise CalibrationFailed(f"session {number} of {sessions} {why}:", below=tail(log))
            runs.append(read_run(document))
    return learn(runs)
