"""`tox -e perf`: what it prints and how it ends; the figures themselves are not asserted here."""

from __future__ import annotations

import pytest

from perf.__main__ import GROUPS, main
from perf.figure import CommandFailed, Figure, run


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [(1.5, False, "PASS"), (1.6, False, "MISS"), (1.5, True, "PASS"), (1.4, True, "MISS")],
)
def test_a_figure_says_whether_its_goal_is_met(value: float, at_least: bool, verdict: str) -> None:
    """The line begins with PASS or MISS and names value, unit and goal; the goal itself is met."""
    line = Figure(name="collecting", value=value, unit="s", goal=1.5, at_least=at_least, detail="median of 5").line()
    assert line.startswith(f"{verdict}  collecting: {value:.3g} s (goal ")
    assert "1.5 s); median of 5" in line


def test_a_missed_goal_is_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A slow machine is told so, with exit status 0."""
    slow = Figure(name="collecting", value=9, unit="s", goal=1.5)
    monkeypatch.setitem(GROUPS, "collect", lambda: iter([slow]))
    assert main(["collect"]) == 0
    assert "perf: 1 goals missed" in capsys.readouterr().out


def test_a_figure_that_cannot_be_taken_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that fails ends in exit status 1, with the end of its output, after the other groups."""

    def fails() -> object:
        run(["sh", "-c", "echo no such engine; exit 3"])
        yield

    monkeypatch.setitem(GROUPS, "collect", fails)
    monkeypatch.setitem(GROUPS, "window", lambda: iter([Figure(name="w", value=0, unit="ms", goal=1)]))
    assert main(["collect", "window"]) == 1
    printed = capsys.readouterr().out
    assert "no such engine" in printed
    assert "PASS  w" in printed


def test_an_accepted_status_is_no_failure() -> None:
    """A command may end with a status that its caller expects, and with no other."""
    assert run(["sh", "-c", "echo done; exit 1"], accepted=(0, 1)) == "done\n"
    with pytest.raises(CommandFailed, match="ended with 1"):
        run(["sh", "-c", "exit 1"])


def test_an_unknown_group_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt group ends with status 2 and the list of groups."""
    assert main(["optimun"]) == 2
    assert f"optimun: no such group; there are {', '.join(GROUPS)}" in capsys.readouterr().err
