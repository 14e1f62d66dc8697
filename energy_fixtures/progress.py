"""What a person sees while it runs: a live line on a terminal, plain lines elsewhere.

A live line is repainted only when the engine host waits anyway (about four times a second), never by a thread of its
own, so that it costs the measured work nothing.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TextIO

from energy_fixtures.live import LiveFeed
from energy_fixtures.metrics import headline
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Result
from energy_fixtures.units import duration, quantity, significant

if TYPE_CHECKING:
    from rich.live import Live

PLAIN_REPEAT_S = 60.0
"""Without a terminal, a step that goes on for this long is said again, so that a log shows life."""


def result_line(result: Result, end: str) -> str:
    """What is said of a finished case; `end` is how long it took, or where it comes from."""
    metric = headline(result)
    values = metric.values(result)
    if values:
        mean = sum(values) / len(values)
        apart = 100 * (max(values) - min(values)) / mean
        label = "" if result.method in MEASURED else f" {result.method}"
        figure = f"{quantity(mean, metric.unit)}{label}, {len(values)} rounds within {significant(apart, 2)} %"
    else:
        figure = "invalid: " + ", ".join(sorted({code for trial in result.trials for code in trial.invalid_reasons}))
    return f"  {result.case:<34} {figure:<52} {end}"


class Progress:
    """Tells the current step, and prints a line per finished case.

    Args:
        terminal: pytest's terminal reporter, None where there is none.
        uncaptured: Context in which writing reaches the terminal although a test is running.
        feed: Tells the same to who looks on from elsewhere.
    """

    def __init__(self, terminal: Any, uncaptured: Callable[[], AbstractContextManager[None]], feed: LiveFeed) -> None:
        self._terminal = terminal
        self._feed = feed
        self._uncaptured = uncaptured
        # Rich needs the file itself, and pytest hands out only its writer; no reporter at all with -p no:terminal
        self._file: TextIO = io.StringIO() if terminal is None else terminal._tw._file
        with uncaptured():  # while a test runs, the descriptor below is a file of pytest's
            self._on_terminal = self._file.isatty()
        self._live: Live | None = None
        self._step = ""
        self._left = ""
        self._began_s = 0.0
        self._said_s = 0.0

    def step(self, text: str, *, seconds_left: float | None, cases_left: int) -> None:
        """Say what begins now."""
        self._step = text
        self._left = f"{cases_left} case{'' if cases_left == 1 else 's'} left"
        if seconds_left is not None:
            about = (
                f"{seconds_left:.0f} s" if seconds_left < 60 else duration(seconds_left)
            )  # no more digits than it knows
            self._left += f", about {about}"
        self._began_s = self._said_s = time.monotonic()
        self._feed.step(text, seconds_left=seconds_left)
        if self._on_terminal:
            self._paint(0.0)

    def milestone(self, text: str) -> None:
        """Say something that stays in a log, such as a finished load; a terminal shows it as a line too."""
        self.clear()
        if self._terminal is None:
            return
        with self._uncaptured():
            self._terminal.ensure_newline()
            self._terminal.write_line(text)

    def wait(self, elapsed_s: float) -> None:
        """Called while waiting."""
        self._feed.wait(elapsed_s)
        if self._on_terminal:
            self._paint(elapsed_s)
        elif time.monotonic() - self._said_s >= PLAIN_REPEAT_S:
            self._said_s = time.monotonic()
            self.milestone(f"  {self._step}, for {duration(elapsed_s)} now · {self._left}")

    def clear(self) -> None:
        """Take the live line away before something else is printed."""
        if self._live is not None:
            with self._uncaptured():
                self._live.stop()
            self._live = None

    def _paint(self, elapsed_s: float) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        line = Text(
            f"  {self._step} · {elapsed_s:.0f} s · {self._left}", style="dim", no_wrap=True, overflow="ellipsis"
        )
        with self._uncaptured():
            if self._live is None:
                self._terminal.ensure_newline()
                console = Console(file=self._file, force_terminal=True)
                self._live = Live(
                    line,
                    console=console,
                    transient=True,
                    auto_refresh=False,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start(refresh=True)
            else:
                self._live.update(line, refresh=True)
