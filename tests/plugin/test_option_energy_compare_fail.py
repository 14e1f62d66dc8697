from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=2)"


@pytest.fixture
def project(pytester, run) -> Path:
    """Two tests that measure a short sleep, with a saved run `0001_first` of both."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\ndef test_b(energy): {WINDOW}\n")
    run("--energy-save=first").assert_outcomes(passed=2)
    (saved,) = pytester.path.glob(".benchmarks/*/0001_first.json")
    return saved


def scale_joules(saved: Path, factor: float, only: str = "") -> None:
    """Rewrite the past: all joules of the saved run (of tests whose name holds `only`) times `factor`."""
    document = json.loads(saved.read_text())
    for result in document["energy"]["results"]:
        if only in result["fullname"]:
            for trial in result["trials"]:
                joules = trial["reading"]["energy_j"]
                trial["reading"]["energy_j"] = {domain: value * factor for domain, value in joules.items()}
    saved.write_text(json.dumps(document))


def test_a_regression_fails_the_test_item(pytester, project, run):
    """A case worse than the limit is a failing test with one sentence: exit 1, and a failure in JUnit."""
    scale_joules(project, 0.1, only="test_a")
    done = run("--energy-compare-fail=mean:300%", "--junitxml=junit.xml")

    done.assert_outcomes(passed=1, failed=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(
        [
            "*energy baseline: 0001_first, the newest run, limit mean:300%",
            "REGRESSED against 0001_first: test_a: mean joules_per_iteration * J (simulated, not measured) against *",
            "*baseline*change*verdict*",
            "test_a * REGRESSED",
            "energy gate (mean:300%): 1 REGRESSED*",
        ]
    )
    assert 'failures="1"' in Path("junit.xml").read_text()


def test_an_improvement_passes(pytester, project, run):
    """Fewer joules than before fail nothing and are called IMPROVED."""
    scale_joules(project, 10)
    done = run("--energy-compare-fail=joules_per_iteration:mean:2.5%")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["energy gate (joules_per_iteration:mean:2.5%): 2 IMPROVED"])


def test_any_of_several_limits_fails(pytester, project, run):
    """The option may be repeated; a case fails when one limit is exceeded."""
    scale_joules(project, 0.1)
    limits = ("--energy-compare-fail=mean:100000%", "--energy-compare-fail=joules_per_iteration:min:300%")
    done = run(*limits)

    done.assert_outcomes(failed=2)


def test_no_baseline_is_a_visible_state(pytester, run):
    """The first run of a project says before measuring that there is no baseline, and passes."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\n")
    done = run("--energy-compare-fail=mean:5%")

    assert done.ret == 0
    done.stdout.fnmatch_lines(
        ["energy baseline: none found in .benchmarks*; cases are recorded, not gated*", "*test_work.py*", "*1 passed*"]
    )


def test_a_baseline_of_another_machine_is_refused(pytester, project, run):
    """Joules of another processor are named as such before measuring, and no case is failed by them."""
    scale_joules(project, 0.01)
    document = json.loads(project.read_text())
    for environment in document["energy"]["environments"].values():
        environment["host"]["cpu"] = "Some other CPU"
    project.write_text(json.dumps(document))
    done = run("--energy-compare-fail=mean:5%")

    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "energy baseline: 0001_first is from another machine (host cpu Some other CPU against *); cases are recorded, not gated",
            "energy gate (mean:5%): 2 INCOMPARABLE",
        ]
    )


def test_new_cases_are_visible_and_pass(pytester, project, run):
    """A test that the baseline lacks is listed as new and not failed."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\ndef test_c(energy): {WINDOW}\n")
    done = run("--energy-compare-fail=mean:100000%")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["energy baseline 0001_first: 1 compared, 1 new, 1 missing", "missing, *: test_b"])


@pytest.mark.parametrize("expression", ["mean", "mode:5%", "mean:x", "jules:mean:5%", "avg_power_w:mean:5%"])
def test_an_expression_that_means_nothing_is_a_usage_error(pytester, expression, run):
    """A limit that cannot be read ends the run with exit 4 before any test is collected."""
    pytester.makepyfile(test_work="raise SystemExit('collected')")
    done = run(f"--energy-compare-fail={expression}")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search("cannot be read|unknown metric|neither better", done.stderr.str())


def test_the_limit_may_stand_in_the_ini_file(pytester, project, run):
    """`energy_compare_fail` gates without a word on the command line."""
    scale_joules(project, 0.1)
    pytester.makeini("[pytest]\nenergy_compare_fail = mean:300%\n")

    run().assert_outcomes(failed=2)
