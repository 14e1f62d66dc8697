"""One measured figure beside its goal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number, its goal, and on which side of it the number should lie.

    `detail` says how it came about, in a few words.
    """

    name: str
    value: float
    unit: str
    goal: float
    at_least: bool = False
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> str:
        """The figure as it is printed."""
        side = ">=" if self.at_least else "<="
        verdict = "PASS" if self.holds else "MISS"
        goal = f"goal {side} {self.goal:g} {self.unit}"
        return f"{verdict}  {self.name}: {self.value:.3g} {self.unit} ({goal}); {self.detail}"


class CommandFailed(Exception):
    """A command that a figure needs did not run; the message holds the end of its output."""


def run(
    command: Sequence[str],
    *,
    cwd: Path = ROOT,
    environ: dict[str, str] | None = None,
    accepted: Sequence[int] = (0,),
) -> str:
    """Run a command, return what it printed.

    Raises:
        CommandFailed: It ended with another status than the accepted ones.
    """
    # Without compiled files on disk pytest rewrites a hundred modules each time, which no user's shell asks for.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        list(command),
        cwd=cwd,
        env={**kept, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in accepted:
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def pytest_command(*arguments: str) -> list[str]:
    """Our own pytest, without a cache folder of its own."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
