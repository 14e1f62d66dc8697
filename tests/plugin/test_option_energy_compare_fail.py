from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=4)"


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
            "*energy baseline: 0001_first, the newest run, limit mean:300%, 99 % sure",
            "*sessions differ by 1 % on their own (assumed; joules calibrate learns it)",
            "REGRESSED against 0001_first: test_a: mean joules_per_iteration * J (simulated, not measured) against *",
            "*baseline*change*verdict*",
            "test_a * REGRESSED",
            "energy gate (mean:300%): 1 REGRESSED*",
        ]
    )
    junit = Path("junit.xml").read_text()
    assert 'failures="1"' in junit
    assert 'name="energy_verdict" value="REGRESSED mean:300%"' in junit
    assert 'name="energy_method" value="simulated"' in junit
    assert 'name="joules_per_iteration" value="' in junit


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


@pytest.fixture
def noisy(pytester, run, monkeypatch):
    """A test whose joules vary by some percent from round to round, with a saved run of five rounds."""
    monkeypatch.setenv("NOISE_SEED", "1")
    pytester.makeconftest(
        """
        import os, random
        import msgspec, pytest
        from energy_fixtures.meters.simulated import SimulatedMeter

        noise = random.Random(int(os.environ["NOISE_SEED"]))
        end = SimulatedMeter.end

        def noisy_end(self, token):
            reading = end(self, token)
            joules = 100 * float(os.environ.get("TIMES", "1")) * (1 + noise.gauss(0, 0.01))
            return msgspec.structs.replace(reading, energy_j={domain: joules for domain in reading.energy_j})

        SimulatedMeter.end = noisy_end


        def pytest_unconfigure(config):
            SimulatedMeter.end = end  # the class outlives this session, which runs inside another one
        """
    )
    pytester.makepyfile(test_work="def test_a(energy): energy(sum, range(10))\n")
    run("--energy-save=first", "--energy-min-rounds=12", "--energy-min-window=0.001").assert_outcomes(passed=1)
    monkeypatch.setenv("NOISE_SEED", "2")


def rounds_of(pytester, name: str) -> int:
    """How many trials the saved run has."""
    (saved,) = pytester.path.glob(f".benchmarks/*/*_{name}.json")
    (result,) = json.loads(saved.read_text())["energy"]["results"]
    return len(result["trials"])


GATE = ("--energy-compare=first", "--energy-min-window=0.001", "--energy-min-rounds=3")


def test_rounds_are_bought_while_they_help(pytester, noisy, run, monkeypatch):
    """A change that three rounds leave open gets more of them until it is decided, and no more than that."""
    monkeypatch.setenv("TIMES", "1.15")
    done = run(*GATE, "--energy-compare-fail=gpu_energy_j:mean:5%", "--energy-save=second")

    done.assert_outcomes(failed=1)
    assert 3 <= rounds_of(pytester, "second") < 20


def test_rounds_are_not_bought_where_they_cannot_help(pytester, noisy, run):
    """Between-session noise that is larger than the limit is not lessened by rounds, so none are bought."""
    done = run(*GATE, "--energy-compare-fail=gpu_energy_j:mean:1%", "--energy-save=second")

    assert done.ret == 0
    assert rounds_of(pytester, "second") == 3
    done.stdout.fnmatch_lines(["energy gate (gpu_energy_j:mean:1%): 1 INCONCLUSIVE"])


@pytest.mark.parametrize("limit", ["--energy-max-rounds=4", "--energy-max-joules=300"])
def test_budgets_end_the_buying(pytester, noisy, run, monkeypatch, limit):
    """--energy-max-rounds and --energy-max-joules hold, and the verdict is open."""
    monkeypatch.setenv("TIMES", "1.055")
    run(*GATE, limit, "--energy-compare-fail=gpu_energy_j:mean:5%", "--energy-save=second")

    assert rounds_of(pytester, "second") <= 4


@pytest.mark.parametrize(
    ("policy", "ret"),
    [("lenient", 0), ("strict", 1), ("inconclusive", 1), ("new,missing", 0), ("stale", 0)],
)
def test_policy_decides_what_else_fails(pytester, noisy, run, policy, ret):
    """An open verdict passes or fails as --energy-baseline-policy says."""
    done = run(*GATE, "--energy-compare-fail=gpu_energy_j:mean:1%", f"--energy-baseline-policy={policy}")

    assert done.ret == ret


@pytest.mark.parametrize(("policy", "ret"), [("lenient", 0), ("new", 1), ("missing", 1)])
def test_new_and_missing_cases_may_fail(pytester, noisy, run, policy, ret):
    """A case without a past and a past without a case fail the session where the policy names them."""
    pytester.makepyfile(test_work="def test_b(energy): energy(sum, range(10))\n")
    done = run(*GATE, f"--energy-baseline-policy={policy}")

    assert done.ret == ret
    done.stdout.fnmatch_lines(["energy baseline 0001_first: 1 new, 1 missing"])


def test_a_baseline_grows_old(pytester, noisy, run):
    """A baseline of last year is called stale in the header, and fails where the policy says so."""
    (saved,) = pytester.path.glob(".benchmarks/*/0001_first.json")
    saved.write_text(re.sub(r'("started_at": ?"20)\d\d', r"\g<1>20", saved.read_text()))
    done = run(*GATE, "--energy-baseline-policy=stale")

    assert done.ret == 1
    done.stdout.fnmatch_lines(["*the baseline is * days old, stale after 30; save a newer one"])


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("--energy-baseline-policy=strikt", "*--energy-baseline-policy has no state 'strikt'*"),
        ("--energy-compare-confidence=101%", "*--energy-compare-confidence=101%: give a percentage*"),
        ("--energy-max-joules=-1", "*--energy-max-joules: '-1' is no energy*"),
        ("--energy-max-rounds=0", "*--energy-max-rounds: '0' is not a number of rounds*"),
    ],
)
def test_what_the_gate_cannot_read_is_refused(pytester, run, option, why):
    """A wrong value of an option of the gate is exit 4 with a sentence."""
    pytester.makepyfile(test_work="def test_a(energy): energy(sum, range(10))\n")
    done = run(option)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([why])
