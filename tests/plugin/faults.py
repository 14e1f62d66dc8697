"""One pytest session with faults in it, in a process of its own: what it said, and what it stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_fixtures.reasons import REASONS

PLUGINS = ("-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider")
QUICK = (
    "--energy-meter=zeus",
    "--energy-min-rounds=3",
    "--energy-min-window=0.05",
    "--energy-max-warmup=0.05",
    "--energy-max-error=45%",
    "--energy-idle=0",
    "--energy-json=out.json",
)
"""With work of 60 ms every window is one call, after two calls to warm up, so a case knows in which window it is."""

WARM_UPS = 2

FULL_DISK = """
import errno
import energy_fixtures.store as store

def full(path, content):
    raise OSError(errno.ENOSPC, "No space left on device")

store.publish = full
"""


@dataclass(frozen=True)
class Session:
    """What one session left behind.

    Attributes:
        code: pytest's exit code.
        said: All of its terminal output, with single spaces: the tables' notes are broken into lines.
        document: The file that it saved.
    """

    code: int
    said: str
    document: dict[str, Any]

    @property
    def cases(self) -> list[str]:
        """The stored cases in order."""
        return [result["case"] for result in self.document["energy"]["results"]]

    def trials(self, case: str) -> list[dict[str, Any]]:
        """All stored trials of a case."""
        (found,) = (result for result in self.document["energy"]["results"] if result["case"] == case)
        return found["trials"]

    def reasons(self, case: str) -> list[list[str]]:
        """Of each stored trial, why it does not count; nothing for those that do."""
        return [trial.get("invalid_reasons", []) for trial in self.trials(case)]

    def watts(self, case: str) -> list[float]:
        """Mean power of each trial that counts, all domains together."""
        readings = [trial["reading"] for trial in self.trials(case) if not trial.get("invalid_reasons")]
        return [sum(reading["energy_j"].values()) / reading["duration_s"] for reading in readings]

    def environment(self, case: str) -> dict[str, Any]:
        """Where a case says that it was measured."""
        (found,) = (result for result in self.document["energy"]["results"] if result["case"] == case)
        return self.document["energy"]["environments"][found["environment"]]

    def notes(self, case: str, code: str) -> int:
        """How often the table says of the case that trials do not count because of `code`, with the remedy."""
        count, total = sum(code in found for found in self.reasons(case)), len(self.trials(case))
        known = REASONS[code]
        return self.said.count(f"{count} of {total} trials do not count: {known.sentence}; {known.remedy}")

    def failures(self, case: str, code: str) -> int:
        """How often the case's own failure says it, with the remedy."""
        valid, total, known = self.reasons(case).count([]), len(self.trials(case)), REASONS[code]
        sentence = f"{case}: {valid} valid of {total} trials: {known.sentence} ({code}); {known.remedy}"
        return _once(self.said).count(sentence)


def _once(said: str) -> str:
    """Without pytest's closing summary, which says every failure again, in full where the variable CI is set."""
    return said.partition("short test summary info")[0]


def run_session(folder: Path, environ: Mapping[str, str], *args: str, timeout_s: float = 120) -> Session:
    """Run pytest on the tests that stand in `folder`."""
    command = [sys.executable, "-m", "pytest", *PLUGINS, f"--rootdir={folder}", *QUICK, *args]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout_s)
    said = " ".join((done.stdout + done.stderr).split())
    assert "INTERNALERROR" not in said, done.stdout
    assert (folder / "out.json").is_file(), done.stdout + done.stderr
    return Session(code=done.returncode, said=said, document=json.loads((folder / "out.json").read_text()))
