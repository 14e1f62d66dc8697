from __future__ import annotations

from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=2)"


@pytest.fixture
def project(pytester):
    pytester.makepyfile(test_work=f"import time\ndef test_b(energy): {WINDOW}\ndef test_a(energy): {WINDOW}\n")
    return pytester


def test_a_run_ends_with_a_table(project, run):
    """Each file that measured has a table with value, spread, unit and meter, labelled when nothing was measured."""
    run().stdout.fnmatch_lines(
        [
            "energy: work (simulated, not measured)",
            "case * n",
            "test_b * ± * 2",
            "test_a * ± * 2",
            "joules of gpu:0; meter simulated; ± is the 95 % interval of the mean",
            "*2 passed*",
        ]
    )


def test_nothing_measured_is_no_table(pytester, run):
    """A run without the energy fixture says nothing of energy."""
    pytester.makepyfile("def test_x(): pass")

    run().stdout.no_fnmatch_line("*energy: *")


def test_columns_are_chosen(project, run):
    """`--energy-columns` shows these metrics in this order and no others."""
    done = run("--energy-columns=window_s,total_energy_j")

    done.stdout.re_match_lines([r" +window  total_energy_j$", r"case +ms ± +J  n$"], consecutive=True)


def test_rows_are_sorted(project, run):
    """`--energy-sort=name`, here from the ini file, orders the rows by case."""
    project.makeini("[pytest]\nenergy_sort = name\n")

    run().stdout.fnmatch_lines(["test_a * ± *", "test_b * ± *"], consecutive=True)


@pytest.mark.parametrize(
    "option", ["--energy-columns=joules_per_tokn", "--energy-columns=power,ttft", "--energy-sort=namee"]
)
def test_an_unknown_metric_is_a_usage_error(pytester, option, run):
    """A metric that does not exist ends with exit 4 and near names, before any test is collected."""
    pytester.makepyfile(test_work="raise SystemExit('collected')")
    done = run(option)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{option.split('=')[0]}*use*"])


@pytest.mark.parametrize("option", [(), ("--energy-compare-fail=mean:5%",)])
def test_the_report_works_alone(pytester, monkeypatch, option):
    """Without the measuring plugin the report registers, has nothing to say and breaks nothing."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile("def test_x(): pass")
    done = pytester.runpytest_subprocess("-p", "no:energy_fixtures.plugin", "-p", "reports.plugin", *option)

    done.assert_outcomes(passed=1)
