"""The gap to the ideal in a whole session: real Zeus on a simulated board named after a real one, a made-up engine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.tiny import TINY
from energy_fixtures.records import Run
from energy_fixtures.store import read_run
from reports.boards import find_board
from reports.ideal.floor import Job, floor_of
from reports.ideal.gap import GAP
from reports.metrics import named
from tests.plugin.faults import Session, run_session
from tests.reports.test_boards import ROW
from tests.simulated_board.board import board_environ

ENGINE = """
import time
from energy_fixtures.engines import child
from tests.energy_fixtures.engines.fake_child import FakeEngine

class Engine(FakeEngine):
    '''Says that it works on the board, and sleeps.'''

    def __init__(self, spec):
        super().__init__(spec)
        self.facts = {"device": "cuda", "dtype": "float32"}

    def run(self):
        time.sleep(0.06)

if __name__ == "__main__":
    child.main(engine_factory=Engine)
"""
CONFTEST = """
import sys
from energy_fixtures import scenarios
from energy_fixtures.engines.host import EngineHost

scenarios.installed = lambda engine: None  # ours needs no framework
load = EngineHost.load
EngineHost.load = lambda spec, **settings: load(spec, command=(sys.executable, "engine.py"), **settings)
"""
CASES = """
from energy_fixtures import Scenario

def test_case(energy):
    energy.measure(Scenario(engine="transformers", batch_size=1, input_tokens=1, output_tokens=1))
"""
COLUMNS = f"--energy-columns=joules_per_iteration,{GAP}"


def session(folder: Path, *options: str, name: str = "H200") -> Session:
    """One session of one case on a simulated board of that name that draws 400 W."""
    for file, text in (("engine.py", ENGINE), ("conftest.py", CONFTEST), ("test_cases.py", CASES)):
        (folder / file).write_text(text)
    environ = board_environ(watts=400, tick_ms=20, name=name)
    return run_session(folder, environ, "--energy-domains=gpu", "--energy-device=cpu", COLUMNS, *options)


def test_a_session_shows_and_keeps_what_the_gap_is_made_of(tmp_path: Path) -> None:
    """The table names the floor, the file carries the model's shape, and the gap is joules over the floor."""
    done = session(tmp_path)
    run = msgspec.convert(done.document["energy"], Run)
    (result,) = run.results
    least_j = floor_of(
        Job(shape=architecture(TINY), batch_size=1, input_tokens=1, output_tokens=1, dtype="float32"),
        find_board("H200"),
    ).floor_j
    first = result.trials[0]

    assert done.code == 0
    assert "gap to ideal: over the modelled floor of NVIDIA H200" in done.said
    assert result.architecture == architecture(TINY)
    assert read_run(tmp_path / "out.json").results[0].architecture == architecture(TINY)
    values = named(GAP, run.environments).values(result)
    assert values[0] == pytest.approx(first.reading.energy_j["gpu:0"] / (first.iterations * least_j))


def test_a_board_that_nobody_knows_is_said_and_can_be_described(tmp_path: Path) -> None:
    """Without a row the session says so once and how to mend it; with a file of one's own it has a gap."""
    done = session(tmp_path, name="X1")
    assert done.code == 0
    assert (
        done.said.count("gap to ideal unknown: the board table has no X1; describe it in a file (--energy-boards)") == 1
    )

    (tmp_path / "boards.toml").write_text(ROW.replace("{ bf16 = 10 }", "{ fp32 = 10 }"))
    done = session(tmp_path, "--energy-boards=boards.toml", name="X1")
    assert done.code == 0
    assert "over the modelled floor of Example 1" in done.said and "power at rest unknown and left out" in done.said


def test_a_file_of_boards_is_checked_before_anything_is_measured(sleeper, run) -> None:
    """A file that describes no boards ends the session at its start, with the option's name."""
    (sleeper.path / "boards.toml").write_text("[[board]]\nname = 'X'\n")
    result = run("--energy-boards=boards.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--energy-boards: boards.toml does not describe boards*"])
    result = run("--energy-boards=none.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--energy-boards: *none.toml cannot be read: No such file or directory*"])


def test_a_plain_function_has_no_gap(sleeper, run) -> None:
    """A test that runs no scenario is shown without the column, and why."""
    result = run(COLUMNS)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*gap to ideal unknown: a plain function has no floor*"])


def test_a_gap_is_compared_with_the_baselines(tmp_path: Path) -> None:
    """A second session on the same board shows its gap beside that of the first."""
    session(tmp_path, f"--energy-storage={tmp_path}", "--energy-save=first")
    done = session(
        tmp_path,
        f"--energy-storage={tmp_path}",
        "--energy-compare",
        f"--energy-columns={GAP}",
        f"--energy-markdown={tmp_path / 'page.md'}",
    )
    assert "1 compared" in done.said
    assert "unknown" not in done.said  # the change of the gap, whose past was made elsewhere
    assert "of 1 figure compared" in (tmp_path / "page.md").read_text()
