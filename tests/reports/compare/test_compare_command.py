"""`joules compare` as a person or a CI job types it: what it says, how it ends, and what it leaves alone."""

from __future__ import annotations

import json
import os

import pytest

from reports.compare import run_files

CALM = (1.00, 1.01, 0.99, 1.0, 1.005)
DEARER = tuple(1.5 * value for value in CALM)
SMALL = tuple(0.5 * value for value in CALM)


def rows(text):
    """Rows of a JSON report by case."""
    return {row["case"]: row for row in json.loads(text)["rows"]}


@pytest.mark.parametrize(
    ("values", "limit", "status", "word"),
    [
        (DEARER, ["--fail", "mean:5%"], 1, "REGRESSED"),
        (SMALL, ["--fail", "mean:5%"], 0, "IMPROVED"),
        (DEARER, ["--fail", "joules_per_output_token:median:80%", "--fail", "mean:2.5%"], 1, "REGRESSED"),
        (DEARER, [], 0, "worse"),
    ],
)
def test_status_says_whether_it_regressed(saved, compared, case, values, limit, status, word):
    """Beyond a limit it ends with 1; without a limit nothing can regress, and the change is shown all the same."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", values))

    ended, printed, _ = compared(old, new, *limit)
    assert ended == status
    assert word in printed


def test_new_missing_and_other_work_are_listed(saved, compared, case):
    """No case is passed over: new ones, missing ones and those that did other work are named with the reason."""
    old = saved("old.json", case("kept", CALM), case("gone", CALM), case("changed", CALM, output_tokens=10))
    new = saved("new.json", case("kept", CALM), case("fresh", CALM), case("changed", CALM, output_tokens=20))

    status, printed, _ = compared(old, new)
    assert status == 0
    assert "missing, only in old: gone" in printed
    assert "output_tokens 10 against 20" in printed
    _, printed, _ = compared(old, new, "--format", "json")
    states = {name: row["state"] for name, row in rows(printed).items()}
    assert states == {"kept": "compared", "fresh": "new", "changed": "other workload", "gone": "missing"}


@pytest.mark.parametrize("loss", ["gone", "moved"])
def test_strict_refuses_what_cannot_be_compared(saved, compared, case, environment, loss):
    """--strict ends with 1 where a case is missing or cannot be compared, and says so; without it that is no failure."""
    elsewhere = environment(boards=({"name": "NVIDIA A100", "uuid": "GPU-9", "power_limit_w": 400.0},))
    left = [case("b1", CALM)] if loss == "gone" else [case("b1", CALM), case("b2", CALM)]
    old = saved("old.json", case("b1", CALM), case("b2", CALM))
    new = saved("new.json", *left, where=elsewhere if loss == "moved" else None)

    assert compared(old, new)[0] == 0
    status, printed, _ = compared(old, new, "--strict")
    assert status == 1
    assert "refused, --strict: " in printed


def test_joules_of_two_kinds_are_never_compared(saved, compared, case):
    """Modelled joules against measured ones are incomparable, with the reason."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", CALM, method="modelled"))

    row = rows(compared(old, new, "--format", "json")[1])["b1"]
    assert (row["state"], row["change"]) == ("incomparable", None)
    assert row["differences"] == ["counter joules against modelled joules"]


@pytest.mark.parametrize("form", ["table", "markdown", "json", "csv", "bencher", "github-action-benchmark"])
def test_joules_that_are_not_measured_say_so_in_every_format(saved, compared, case, form):
    """No format holds a modelled figure without the word."""
    old, new = (saved(name, case("b1", CALM, method="modelled")) for name in ("old.json", "new.json"))

    assert "modelled" in compared(old, new, "--format", form)[1]


@pytest.mark.parametrize("form", ["table", "markdown", "json", "csv"])
def test_other_boards_are_compared_by_choice_and_labelled(saved, compared, case, environment, form):
    """Across boards there is a change only with --across-boards, and each format says that boards differ."""
    elsewhere = environment(boards=({"name": "NVIDIA A100", "uuid": "GPU-9", "power_limit_w": 400.0},))
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", DEARER), where=elsewhere)

    plain, crossed = (compared(old, new, "--format", form, *more)[1] for more in ((), ("--across-boards",)))
    assert "across boards" not in plain
    assert "across boards" in crossed
    change = [
        rows(compared(old, new, "--format", "json", *more)[1])["b1"]["change"] for more in ((), ("--across-boards",))
    ]
    assert change[0] is None
    assert change[1]["ratio"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("axis", "one", "other", "values"),
    [
        ("framework", {"engine": "transformers"}, {"engine": "vllm"}, ["transformers eager", "vllm eager"]),
        ("batch", {"batch_size": 1}, {"batch_size": 8}, ["b1", "b8"]),
    ],
)
def test_cases_stand_side_by_side_along_an_axis(saved, compared, case, axis, one, other, values):
    """Inside one run, cases that are equal but for the axis are held against the first of them."""
    run = saved(
        "run.json", case("first", CALM, **one), case("second", DEARER, **other), case("alone", CALM, input_tokens=99)
    )

    status, printed, _ = compared(run, "--by", axis, "--format", "json")
    found = rows(printed)
    assert status == 0
    assert list(found) == ["first", "second"]
    assert [row["of"] for row in found.values()] == values
    assert (found["first"]["state"], found["first"]["change"]) == ("reference", None)
    assert found["second"]["against"] == values[0]
    assert found["second"]["change"]["ratio"] == pytest.approx(1.5)


def test_an_axis_may_lie_across_two_runs(saved, compared, case):
    """Cases of two runs are put side by side, and each says which run it is of."""
    old = saved("old.json", case("a", CALM, engine="transformers"))
    new = saved("new.json", case("b", DEARER, engine="vllm"))

    found = rows(compared(old, new, "--by", "framework", "--format", "json")[1])
    assert [row["of"] for row in found.values()] == ["transformers eager (old)", "vllm eager (new)"]
    assert found["b"]["change"]["ratio"] == pytest.approx(1.5)


def test_boards_side_by_side_only_by_choice(saved, compared, case, environment):
    """--by gpu names the boards; without --across-boards the cases are listed as incomparable with what differs."""
    elsewhere = environment(boards=({"name": "NVIDIA A100", "uuid": "GPU-9", "power_limit_w": 400.0},))
    old, new = saved("old.json", case("a", CALM)), saved("new.json", case("b", DEARER), where=elsewhere)

    found = rows(compared(old, new, "--by", "gpu", "--format", "json")[1])
    assert [row["of"] for row in found.values()] == ["NVIDIA H200, 700 W (old)", "NVIDIA A100, 400 W (new)"]
    assert found["b"]["state"] == "incomparable"
    assert "board name NVIDIA H200 against NVIDIA A100" in found["b"]["differences"]
    crossed = json.loads(compared(old, new, "--by", "gpu", "--across-boards", "--format", "json")[1])
    assert crossed["rows"][1]["change"]["ratio"] == pytest.approx(1.5)
    assert any("across boards, by choice and not normalised" in label for label in crossed["labels"])


def test_metrics_that_are_named_are_compared(saved, compared, case):
    """--metric takes any metric, each in a row of its own, and knows which side is better."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", DEARER))

    _, printed, _ = compared(
        old, new, "--metric", "output_tokens_per_joule", "--metric", "joules_per_request", "--format", "csv"
    )
    assert [line.split(",")[5] for line in printed.splitlines()[1:]] == [
        "output_tokens_per_joule",
        "joules_per_request",
    ]
    _, printed, _ = compared(old, new, "--metric", "output_tokens_per_joule")
    assert "worse" in printed


def test_saved_runs_are_found_by_number_and_name(saved, compared, case, tmp_path):
    """A number, part of a name and `newest` mean saved runs; where two machines have one, the machine is asked for."""
    saved("store/this-machine/0001_before.json", case("b1", CALM))
    saved("store/this-machine/0002_after.json", case("b1", DEARER))
    storage = ["--storage", str(tmp_path / "store"), "--format", "json"]

    for references in (("1", "0002"), ("before", "after"), ("this-machine/0001", "newest")):
        assert json.loads(compared(*references, *storage)[1])["candidate"] == "0002_after"
    saved("store/other-machine/0002_after.json", case("b1", CALM))
    status, _, said = compared("1", "0002", *storage)
    assert status == 4
    assert "name one: other-machine/0002, this-machine/0002" in said


@pytest.mark.parametrize("limit", [(), ("--fail", "mean:5%")])
def test_a_large_file_gives_the_same_report(saved, compared, case, monkeypatch, limit):
    """Files that are cut and shared out among processes say what small ones say, in the same order."""
    from reports.compare import command, forked

    old = saved("old.json", *(case(f"b{number}", CALM) for number in range(7)), case("gone", CALM))
    new = saved("new.json", *(case(f"b{number}", DEARER) for number in (3, 1, 0, 2, 6, 5, 4)), case("fresh", CALM))
    whole = compared(old, new, "--format", "json", *limit)
    monkeypatch.setattr(run_files, "LARGE_BYTES", 1)
    monkeypatch.setattr(run_files, "RELEASE_BYTES", 1)
    monkeypatch.setattr(command, "MANY", 1)
    for module in (run_files, command):
        monkeypatch.setattr(module, "cores", lambda: 3)

    assert compared(old, new, "--format", "json", *limit) == whole
    assert forked.cores() >= 1


def test_the_last_of_two_results_with_one_name_counts(saved, compared, case):
    """A test that was run again replaces its result, as in a session."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", CALM), case("b1", DEARER))

    assert rows(compared(old, new, "--format", "json")[1])["b1"]["change"]["ratio"] == pytest.approx(1.5)


BROKEN = {
    "empty": "",
    "truncated": '{"energy": {"schema_version": 1, "environments": {}, "resul',
    "foreign": '{"benchmarks": []}',
    "newer": '{"energy": {"schema_version": 99, "environments": {}, "results": []}}',
    "text": "energy",
    "list": "[]",
    "no results": '{"energy": {"schema_version": 1, "environments": {}}}',
}


@pytest.mark.parametrize("content", [*BROKEN.values(), b"\xff\xfe{}"], ids=[*BROKEN, "not text"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_file_that_cannot_be_read_is_wrong_use(saved, compared, case, tmp_path, content, side):
    """A broken, foreign or newer file ends with 4 and one sentence that names it; nothing is printed or written."""
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    pair = [saved("good.json", case("b1", CALM)), str(path)]
    out = tmp_path / "out.md"

    status, printed, said = compared(*(pair if side else pair[::-1]), "-o", str(out), "--format", "markdown")
    assert (status, printed) == (4, "")
    assert said.startswith("joules: bad.json ")
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1.0", "1e999", '"many"', "null"])
def test_joules_that_are_no_quantity_are_refused(saved, compared, case, tmp_path, value):
    """NaN, infinite and negative joules in a file end with 4, whether they stand in an early or a late trial."""
    good = saved("good.json", case("b1", CALM))
    text = (tmp_path / "good.json").read_text()
    place = text.rindex('"gpu:0": ') + len('"gpu:0": ')
    (tmp_path / "bad.json").write_text(text[:place] + value + text[text.index("\n", place) :])

    status, printed, said = compared(good, str(tmp_path / "bad.json"))
    assert (status, printed) == (4, "")
    assert said.count("\n") == 1 and "bad.json" in said


def test_zero_joules_are_never_a_change(saved, compared, case):
    """Where one side read nothing there is no ratio, no verdict but INCONCLUSIVE, and no crash."""
    old, new = saved("old.json", case("b1", (0.0, 0.0))), saved("new.json", case("b1", (1.0, 1.1)))

    status, printed, _ = compared(old, new, "--fail", "mean:5%", "--format", "json")
    row = rows(printed)["b1"]
    assert status == 0
    assert (row["change"]["ratio"], row["verdict"]) == (None, "INCONCLUSIVE")


def test_one_trial_has_no_interval(saved, compared, case):
    """A single window on one side shows its ratio and nothing more."""
    old, new = saved("old.json", case("b1", (1.0,))), saved("new.json", case("b1", (2.0,)))

    row = rows(compared(old, new, "--format", "json")[1])["b1"]
    assert row["change"] == {"ratio": 2.0, "low": None, "high": None}


def test_very_many_trials_are_compared(saved, compared, case):
    """A case of twenty thousand windows is a case like any other."""
    many = [1.0 + 0.01 * (number % 7) for number in range(20_000)]
    old, new = saved("old.json", case("b1", many)), saved("new.json", case("b1", [1.1 * value for value in many]))

    row = rows(compared(old, new, "--format", "json")[1])["b1"]
    assert row["candidate"]["trials"] == 20_000
    assert row["change"]["low"] < 1.1 < row["change"]["high"]


def test_a_baseline_with_other_metrics_is_inconclusive(saved, compared, case, result):
    """A metric that one side does not know is neither a change nor a failure."""
    old = saved("old.json", case("b1", CALM))
    new = saved("new.json", case("b1", CALM, accepted=0.5))

    status, printed, _ = compared(old, new, "--fail", "joules_per_accepted_token:mean:5%", "--format", "json")
    row = next(row for row in json.loads(printed)["rows"] if row["metric"] == "joules_per_accepted_token")
    assert status == 0
    assert (row["baseline"], row["change"], row["verdict"]) == (None, None, "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{run}"], ("one run alone", "--by framework|decoding|batch|gpu")),
        (["{run}", "{run}", "{run}"], ("not 3",)),
        (["{run}", "{run}", "--fail", "mean:5%%"], ("--fail=mean:5%% cannot be read", "for example")),
        (["{run}", "{run}", "--fail", "joule:mean:5%"], ("unknown metric 'joule'",)),
        (["{run}", "{run}", "--metric", "watts"], ("unknown metric 'watts'",)),
        (["{run}", "{run}", "--format", "xml"], ("--format xml", "markdown")),
        (["{run}", "--by", "colour"], ("--by colour", "framework")),
        (["{run}", "--by", "batch"], ("no two cases", "--by batch")),
        (["{run}", "--by", "batch", "--fail", "mean:5%"], ("--fail holds a new run against an old one",)),
        (["{run}", "{run}", "--across-boards", "--fail", "mean:5%"], ("exclude each other",)),
        (["{run}", "{run}", "--comment", "x"], ("--comment names the hidden marker",)),
        (["{run}", "{run}", "--comment", "-->", "--format", "markdown"], ("--comment '-->'",)),
        (["{run}", "nowhere.json"], ("no result file and no run", "nowhere.json")),
        (["{run}", ""], ("is not a result file",)),
        (["{run}", "{run}", "-o", "{run}"], ("is what the answer is made from",)),
        (["{run}", "{run}", "-o", "{folder}"], ("is a folder",)),
        (["{run}", "{run}", "-o", "{folder}/none/out"], ("cannot be written",)),
        ([], ("Missing argument",)),
    ],
)
def test_wrong_use_is_told_in_one_sentence(saved, compared, case, tmp_path, arguments, words):
    """What cannot be asked ends with 4 and one line, and the run it names is as it was."""
    run = saved("run.json", case("b1", CALM))
    before = (tmp_path / "run.json").read_bytes()
    asked = [argument.format(run=run, folder=tmp_path) for argument in arguments]

    status, printed, said = compared(*asked, "--storage", str(tmp_path / "store"))
    assert (status, printed) == (4, "")
    assert said.startswith("joules: ") and said.count("\n") == 1
    assert all(word in said for word in words), said
    assert (tmp_path / "run.json").read_bytes() == before


def test_an_output_file_is_replaced_as_a_whole(saved, compared, case, tmp_path):
    """-o writes the format to the file, says the verdict on the terminal, and leaves nothing beside it."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", DEARER))
    out = tmp_path / "comment.md"
    out.write_text("an older comment")

    status, printed, _ = compared(old, new, "--fail", "mean:5%", "--format", "markdown", "-o", str(out))
    assert status == 1
    assert printed.count("\n") == 1 and "REGRESSED" in printed
    assert out.read_text().startswith("<!-- pytest-joules -->\n")
    assert sorted(os.listdir(tmp_path)) == ["comment.md", "new.json", "old.json"]


def test_an_input_is_never_overwritten_through_a_link(saved, compared, case, tmp_path):
    """A link to a run is that run."""
    old, new = saved("old.json", case("b1", CALM)), saved("new.json", case("b1", CALM))
    (tmp_path / "link.json").symlink_to(old)

    assert compared(old, new, "-o", str(tmp_path / "link.json"))[0] == 4


def test_names_cannot_paint_the_terminal(saved, compared, case):
    """Control characters of names are written out in every format."""
    hostile = "b1\x1b[31m\r\n\u202e"
    old, new = saved("old.json", case(hostile, CALM)), saved("new.json", case(hostile, DEARER))

    for form in ("table", "markdown", "csv", "bencher", "github-action-benchmark"):
        printed = compared(old, new, "--format", form)[1]
        assert not set("\x1b\r\u202e") & set(printed), form
