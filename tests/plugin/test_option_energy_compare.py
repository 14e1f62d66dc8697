from __future__ import annotations

import json

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=2)"


@pytest.fixture
def project(pytester, run):
    """Two tests that measure a short sleep, saved as `0001_first` and `0002_second`."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\ndef test_b(energy): {WINDOW}\n")
    for name in ("first", "second"):
        run(f"--energy-save={name}").assert_outcomes(passed=2)
    return pytester


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("", "0002_second"),
        ("=newest", "0002_second"),
        ("=1", "0001_first"),
        ("=0001", "0001_first"),
        ("=first", "0001_first"),
    ],
)
def test_a_run_is_named_by_number_name_or_nothing(project, value, name, run):
    """Without a value the newest run is the baseline; a number or a part of the name chooses another."""
    done = run(f"--energy-compare{value}")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*baseline*change*", f"energy baseline {name}: 2 compared, 0 missing"])


def test_a_run_is_named_by_file(project, run):
    """A path to a result file anywhere is a baseline."""
    (saved,) = project.path.glob(".benchmarks/*/0001_first.json")
    saved.rename(project.path / "kept.json")

    run("--energy-compare=kept.json").stdout.fnmatch_lines(["energy baseline kept: 2 compared*"])


def test_deselected_cases_are_not_missing(project, run):
    """A selection on the command line leaves cases out on purpose; they are not called missing."""
    run("--energy-compare=1", "-k", "test_a").stdout.fnmatch_lines(
        ["energy baseline 0001_first: 1 compared, 0 missing"]
    )


def test_a_run_that_does_not_exist_is_a_usage_error(project, run):
    """A wrong number ends with exit 4 and the numbers that exist, before anything is measured."""
    done = run("--energy-compare=77")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*no saved run matches '77'*0001_first, 0002_second*"])


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"benchmarks": []}', json.dumps({"energy": {"schema_version": 99}})]
)
def test_a_file_that_is_no_result_file_is_a_usage_error(pytester, content, run):
    """A foreign, truncated or newer file ends with exit 4 and its name, and stays as it was."""
    pytester.makepyfile(test_work="raise SystemExit('collected')")
    file = pytester.path / "other.json"
    file.write_text(content)
    done = run("--energy-compare=other.json")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "other.json" in done.stderr.str()
    assert file.read_text() == content


def test_a_test_file_taken_for_a_run_is_explained(pytester, run):
    """`--energy-compare test_x.py` swallows the path; the error says how to write it."""
    pytester.makepyfile(test_work="def test_a(energy): pass")
    done = run("--energy-compare", "test_work.py")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--energy-compare took 'test_work.py' as the run*--energy-compare=newest*"])


def test_case_whose_file_is_gone_is_missing(pytester, run):
    """A case of the baseline whose file was deleted is missing; one that was not asked for is not."""
    body = "import time\ndef test_one(energy):\n    energy.pedantic(time.sleep, args=(0.01,), rounds=2)\n"
    pytester.makepyfile(test_a=body + body.replace("one", "two"), test_b=body)
    run("--energy-save=a")
    (pytester.path / "test_b.py").unlink()

    run("--energy-compare=0001").stdout.fnmatch_lines(["energy baseline 0001_a: 2 compared, 1 missing"])
    run("test_a.py::test_one", "--energy-compare=0001").stdout.fnmatch_lines(
        ["energy baseline 0001_a: 1 compared, 0 missing"]
    )


def test_newest_run_is_one_with_energy(pytester, run):
    """A file that pytest-benchmark saved without energy is passed over when the newest run is asked for."""
    body = "import time\ndef test_one(energy):\n    energy.pedantic(time.sleep, args=(0.01,), rounds=2)\n"
    pytester.makepyfile(test_a=body, test_plain="def test_time(benchmark):\n    benchmark(int)\n")
    run("test_a.py", "--energy-save=a")
    run("test_plain.py", "--benchmark-save=plain")
    result = run("test_a.py", "--energy-compare")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["energy baseline: 0001_a, the newest run"])


def test_empty_value_is_a_usage_error(pytester, run):
    """An unset variable in a script does not switch the comparison off unseen."""
    pytester.makepyfile("def test_x(): pass")

    assert run("--energy-compare=").ret == 4
    assert run("--energy-json=").ret == 4


@pytest.mark.parametrize(
    ("odd", "rule"),
    [
        ({"started_at": "garbage"}, "started_at must be a date and time with its zone"),
        ({"started_at": "2026-01-01T00:00:00"}, "started_at must be a date and time with its zone"),
        ({"idle_w": {"gpu:0": 1e308}}, "idle_w of gpu:0 must be a number from 0 to 1e+09"),
    ],
)
def test_a_baseline_that_holds_nonsense_is_a_usage_error(project, run, odd, rule):
    """Values that no session ever wrote end with exit 4 and the file's name before anything is measured."""
    (saved,) = project.path.glob(".benchmarks/*/0002_second.json")
    document = json.loads(saved.read_text())
    document["energy"]["results"][0].update(odd)
    saved.write_text(json.dumps(document))
    done = run("--energy-compare=0002")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*0002_second.json breaks the record rules: {rule}*"])
