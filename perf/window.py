"""What our window costs beyond Zeus' own, and what the measuring side costs while an engine works."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf.figure import Figure, pytest_command, run
from tests.simulated_board.board import board_environ

GOAL_WINDOW_MS = 1.0
GOAL_LOAD_PERCENT = 1.0
WINDOW_S = 20


def board() -> dict[str, str] | None:
    """Variables that show a process a simulated NVIDIA board; None where no C compiler can build its driver."""
    with contextlib.suppress(pytest.skip.Exception):
        return board_environ()
    return None


def measured(case: str, *arguments: str, environ: dict[str, str], accepted: tuple[int, ...] = (0,)) -> dict[str, float]:
    """Run one file of perf/cases and return what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "written.json"
        command = pytest_command(f"perf/cases/{case}", "--energy-storage", folder, *arguments)
        run(command, environ={**environ, "PERF_FILE": str(written)}, accepted=accepted)
        return dict(json.loads(written.read_text()))


def window_figures() -> Iterator[Figure]:
    """Our `with energy.window(...)` around nothing against bare begin_window and end_window of Zeus."""
    environ = board()
    if environ is None:
        print("skip  cost of our window: the simulated board needs a C compiler (cc)")
        return
    seen = measured("test_window.py", "--energy-meter", "zeus", environ=environ, accepted=(0, 1))
    yield Figure(
        name="our window beyond Zeus' own",
        value=1e3 * (seen["ours_s"] - seen["bare_s"]),
        unit="ms",
        goal=GOAL_WINDOW_MS,
        detail=f"medians of {seen['pairs']} in turn: {1e3 * seen['ours_s']:.3f} and {1e3 * seen['bare_s']:.3f} ms",
    )


def load_figures() -> Iterator[Figure]:
    """CPU use of everything but the engine during one long window, with the meter `auto` and on a simulated board."""
    environ = board()
    for name, meter, variables in (("auto", "auto", {}), ("Zeus on a simulated board", "zeus", environ)):
        if variables is None:
            continue
        few = ("--energy-min-rounds", "1", "--energy-warmup-rounds", "1", "--energy-min-window", str(WINDOW_S))
        seen = measured("test_load.py", "--energy-meter", meter, "--energy-device", "cpu", *few, environ=variables)
        yield Figure(
            name=f"meter and bookkeeping while an engine runs ({name})",
            value=100 * seen["cpu_s"] / seen["wall_s"],
            unit="% of one core",
            goal=GOAL_LOAD_PERCENT,
            detail=f"{seen['cpu_s']:.3f} CPU s in {seen['wall_s']:.1f} s",
        )
