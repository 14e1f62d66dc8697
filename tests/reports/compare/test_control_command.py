"""`joules compare --across-boards --control CASE` as it is typed."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest

from reports.cli import main

CALM = (1.00, 1.01, 0.99, 1.0, 1.005)


@pytest.fixture
def boards(tmp_path, run_of, case, environment):
    """A run on each of two boards: everything takes 1.3 times the joules on the second, and `b8` another 1.2 times."""

    def write(name, *results, **fields):
        path = tmp_path / name
        path.write_bytes(msgspec.json.encode({"benchmarks": [], "energy": run_of(*results, **fields)}))
        return str(path)

    other = environment(
        boards=({"name": "NVIDIA A100", "uuid": "GPU-9", "power_limit_w": 400.0},),
        meter={"name": "zeus", "method": "counter", "domains": "gpu:1"},
    )
    factors = {"ctl": 1.3, "b1": 1.3, "b8": 1.3 * 1.2}
    old = write("old.json", *(case(name, CALM) for name in factors), case("gone", CALM))
    moved = [
        msgspec.structs.replace(
            result,
            scope=("gpu:1",),
            trials=tuple(
                msgspec.structs.replace(
                    trial,
                    reading=msgspec.structs.replace(trial.reading, energy_j={"gpu:1": trial.reading.energy_j["gpu:0"]}),
                )
                for trial in result.trials
            ),
        )
        for result in (case(name, [factor * value for value in CALM]) for name, factor in factors.items())
    ]
    return old, write("new.json", *moved, case("fresh", CALM), where=other)


@pytest.fixture
def compared(capsys, boards):
    """Runs the command on the two boards: exit status, standard output, standard error."""

    def run(*arguments):
        status = main(["compare", *boards, *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_every_case_is_told_beside_the_control(compared):
    """Plain changes hold what the board adds to everything, relative ones do not; the control is 1; there are no verdicts."""
    status, printed, _ = compared("--across-boards", "--control", "ctl", "--format", "json")
    report = json.loads(printed)
    rows = {row["case"]: row for row in report["rows"]}
    assert status == 0
    assert report["control"] == "relative to control ctl"
    assert rows["b1"]["change"]["ratio"] == pytest.approx(1.3)
    assert rows["b1"]["relative"]["ratio"] == pytest.approx(1.0)
    assert rows["b8"]["relative"]["ratio"] == pytest.approx(1.2)
    assert rows["b8"]["relative"]["low"] < 1.2 < rows["b8"]["relative"]["high"]
    assert rows["ctl"]["relative"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}
    assert rows["fresh"]["relative"] is None and rows["gone"]["relative"] is None
    assert {row["verdict"] for row in report["rows"]} == {None}
    assert any("meter domains gpu:0 against gpu:1" in note for row in report["rows"] for note in row["notes"])


@pytest.mark.parametrize("form", ["table", "markdown", "csv"])
def test_every_format_says_relative_to_what(compared, form):
    """The label stands in each format, and the figure beside the plain change."""
    _, printed, _ = compared("--across-boards", "--control", "ctl", "--format", form)
    assert "relative to control ctl" in " ".join(printed.split())
    if form == "csv":
        rows = {row["case"]: row for row in csv.DictReader(io.StringIO(printed))}
        assert float(rows["b8"]["relative"]) == pytest.approx(1.2)
        assert rows["gone"]["relative_to"] == ""
    else:
        assert "+20.0 % (" in printed and "+56.0 %" in printed


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--control", "ctl"], "add --across-boards"),
        (["--across-boards", "--control", "nothing"], "neither run has it; a control is a case of both runs"),
        (["--across-boards", "--control", "gone"], "only old has it"),
        (["--across-boards", "--control", "b*"], "fits 2 cases of both runs"),
        (["--across-boards", "--control", "ctl", "--by", "gpu"], "leave --by out"),
        (["--across-boards", "--control", "ctl", "--fail", "mean:5%"], "--fail and --across-boards exclude each other"),
    ],
)
def test_a_control_asked_wrongly_is_a_sentence(compared, arguments, why):
    """Exit status 4, nothing on standard output, one sentence that says what to do."""
    status, printed, said = compared(*arguments)
    assert (status, printed) == (4, "")
    assert why in said and said.count("\n") == 1


def test_without_a_control_nothing_is_added(compared):
    """No column, no label, no figure."""
    for form in ("table", "markdown"):
        assert "relative" not in compared("--across-boards", "--format", form)[1]
    report = json.loads(compared("--across-boards", "--format", "json")[1])
    assert report["control"] is None
    assert {row["case"]: row["state"] for row in report["rows"]}["b1"] == "compared"
