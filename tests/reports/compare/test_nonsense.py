"""Files that are whole and hold nonsense: refused in a sentence, never a traceback and never taken for a regression."""

from __future__ import annotations

import contextlib
import copy
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from reports import cli
from reports.compare import command
from reports.compare.forked import shared_out
from reports.policy import CONFIDENCE
from tests.reports.sides import side

Change = Callable[[dict[str, Any]], None]


def every_trial(change: Change) -> Change:
    """The same change to all windows of a result."""

    def changed(result: dict[str, Any]) -> None:
        for trial in result["trials"]:
            change(trial)

    return changed


def put(*path: str | int, value: object) -> Change:
    """Write a value deep inside."""

    def changed(inside: Any) -> None:
        for name in path[:-1]:
            inside = inside[name]
        inside[path[-1]] = value

    return changed


REFUSED: dict[str, Change] = {
    "started garbage": put("started_at", value="garbage"),
    "started without a zone": put("started_at", value="2026-01-01T00:00:00"),
    "joules too small": every_trial(put("reading", "energy_j", "gpu:0", value=1e-308)),
    "joules denormal": every_trial(put("reading", "energy_j", "gpu:0", value=5e-324)),
    "seconds too large": every_trial(put("reading", "duration_s", value=1e308)),
    "seconds denormal": every_trial(put("reading", "duration_s", value=5e-324)),
    "iterations endless": every_trial(put("iterations", value=10**400)),
    "tokens below zero": every_trial(put("generation", "requests", 0, 1, value=-5)),
    "tokens endless": every_trial(put("generation", "requests", 0, 1, value=10**400)),
    "latency too large": every_trial(put("generation", "requests", 0, 3, value=1e308)),
    "end too large": every_trial(put("generation", "requests", 0, 4, value=1e308)),
    "idle too large": put("idle_w", value={"gpu:0": 1e308}),
    "drafted endless": every_trial(put("generation", "drafted_tokens", value=10**400)),
}

ASKED = (
    (),
    ("--fail", "mean:5%"),
    (
        "--format",
        "json",
        "--metric",
        "net_energy_j",
        "--metric",
        "tpot",
        "--metric",
        "ttft_p95",
        "--metric",
        "window_s",
    ),
)


@pytest.fixture
def files(saved) -> Callable[[Change], tuple[str, str]]:
    """A sane file, and one that was changed."""

    def make(change: Change) -> tuple[str, str]:
        sane = saved("sane.json", side(prefill_s=0.5))
        document = json.loads(Path(sane).read_text())
        changed = copy.deepcopy(document)
        change(changed["energy"]["results"][0])
        odd = Path(sane).with_name("odd.json")
        odd.write_text(json.dumps(changed))
        return sane, str(odd)

    return make


@pytest.mark.parametrize("name", REFUSED)
def test_nonsense_is_refused(files, compared, name):
    """Exit 4 with one line that names the file, on either side, whatever is asked that reads the value."""
    sane, odd = files(REFUSED[name])
    for runs in ((sane, odd), (odd, sane)):
        answers = [compared(*runs, *asked) for asked in ASKED]
        refused = [error for status, _, error in answers if status == 4]
        assert {status for status, _, _ in answers} <= {0, 4}
        assert answers[1][0] == 4
        assert all(error.startswith("joules: odd.json breaks the record rules: ") for error in refused)
        assert all(len(error.splitlines()) == 1 for error in refused)


@pytest.mark.parametrize("value", [0, 1e-30, 9.9e14, 1e-12])
def test_what_is_legal_is_compared(files, compared, value):
    """Figures at the edge of the rules give an answer in every form."""
    sane, odd = files(every_trial(put("reading", "energy_j", "gpu:0", value=value)))
    for runs in ((sane, odd), (odd, sane)):
        assert {compared(*runs, *asked)[0] for asked in (ASKED[0], ASKED[2])} == {0}
        assert compared(*runs, *ASKED[1])[0] in (0, 1)


def fails_with(error: Exception) -> Callable[..., object]:
    """A command that fails like this."""

    def fail(*arguments: object) -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [OverflowError("math range error"), ValueError("math domain error"), ZeroDivisionError()]
)
def test_what_no_rule_foresaw_is_no_regression(files, compared, monkeypatch, error):
    """A failure of arithmetic is one sentence and exit status 2, which no job takes for a regression."""
    monkeypatch.setattr(command, "compare", fails_with(error))
    status, printed, said = compared(*files(lambda result: None))

    assert (status, printed) == (cli.INCOMPUTABLE, "")
    assert said == f"joules: the answer cannot be computed ({str(error) or 'ZeroDivisionError'})\n"


def test_nor_in_a_process_of_its_own():
    """Where the work is shared out, the failure of a process is told as what it is."""
    with pytest.raises(ArithmeticError, match="math range error"):
        shared_out(fails_with(OverflowError("math range error")), ["a", "b"], 2)


def test_the_last_result_is_decoded_once(files, monkeypatch):
    """A gate of one case reads each side once, for learning, rows and explanations alike, and keeps no more than that."""
    from reports.compare.run_files import RunFile

    decoded: list[str] = []
    whole = RunFile._decoded

    def counted(run: RunFile, name: str, decoder: Any) -> Any:
        decoded.append(run.name)
        return whole(run, name, decoder)

    monkeypatch.setattr(RunFile, "_decoded", counted)
    sane, odd = files(every_trial(put("reading", "energy_j", "gpu:0", value=1e4)))
    question = command.Question(runs=(sane, odd), storage=Path(), fail=("mean:5%",), level=0.95, confidence=CONFIDENCE)
    report = command.compare(question, command.inputs(question))

    assert report.explanations
    assert sorted(decoded) == ["odd", "sane"]


def test_the_search_for_cycles_goes_on_afterwards(files):
    """What a comparison switches off to be quick is on again when it ends, also when it ends badly."""
    sane, odd = files(REFUSED["idle too large"])
    for runs, ends in (((sane, sane), contextlib.nullcontext()), ((sane, odd), pytest.raises(ConfigurationError))):
        question = command.Question(runs=runs, storage=Path(), fail=("mean:5%",), level=0.95, confidence=CONFIDENCE)
        with ends:
            command.compare(question, command.inputs(question))
        assert gc.isenabled()
