"""No baseline, and cases that are missing from it: visible, known early, and failing where the policy says so."""

from __future__ import annotations

from pathlib import Path

import pytest

WINDOW = "energy.pedantic(time.sleep, args=(0.01,), rounds=2)"


@pytest.fixture
def project(pytester) -> Path:
    """Two tests that measure a short sleep."""
    pytester.makepyfile(test_work=f"import time\ndef test_a(energy): {WINDOW}\ndef test_b(energy): {WINDOW}\n")
    return pytester.path


def said(done: pytest.RunResult) -> str:
    """What was printed, wherever its lines end."""
    return " ".join(done.stdout.str().split())


def test_a_file_that_is_not_there_is_a_first_run(project, run):
    """The baseline that CI names and has not made yet is a note above the first test, and the run passes and is kept."""
    done = run("--energy-compare=energy/base.json", "--energy-compare-fail=mean:5%", "--energy-json=new.json")

    done.assert_outcomes(passed=2)
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        ["energy baseline: none, energy/base.json does not exist; cases are recorded, not gated*", "*test_work.py*"]
    )
    assert Path("new.json").exists()


@pytest.mark.parametrize("reference", ["77", "nightly"])
def test_a_saved_run_that_is_not_there_is_a_usage_error(project, run, reference):
    """A number or a name that matches nothing is a mistake, not a first run."""
    run("--energy-save=first")

    assert run(f"--energy-compare={reference}").ret == pytest.ExitCode.USAGE_ERROR


def test_a_saved_run_may_be_named_by_its_file_name(project, run):
    """`0001_first.json` is found in the storage, although no such file lies here."""
    run("--energy-save=first")

    run("--energy-compare=0001_first.json").stdout.fnmatch_lines(["energy baseline 0001_first: 2 compared*"])


@pytest.mark.parametrize("policy", ["strict", "no-baseline", "new,no-baseline"])
@pytest.mark.parametrize("compare", [(), ("--energy-compare",), ("--energy-compare=base.json",)])
def test_the_policy_may_fail_it(project, run, policy, compare):
    """Each case fails with the reason, it was said before the first, and what was measured is kept all the same."""
    done = run(*compare, f"--energy-baseline-policy={policy}", "--energy-json=new.json", "--junitxml=junit.xml")

    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(
        ["energy baseline: none*; every case fails for it, --energy-baseline-policy *", "*no baseline: test_a: none*"]
    )
    assert 'failures="2"' in Path("junit.xml").read_text()
    assert Path("new.json").exists()


def test_a_missing_case_says_that_it_fails_the_session(project, run):
    """The closing lines say which case is missing and that the policy fails for it."""
    run("--energy-save=first")
    Path("test_work.py").write_text(f"import time\ndef test_a(energy): {WINDOW}\n")
    done = run("--energy-compare", "--energy-baseline-policy=missing")

    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert "missing fails this session (--energy-baseline-policy): in the baseline but not in this run: test_b" in said(
        done
    )


@pytest.mark.parametrize("selection", [("-k", "test_a"), ("-m", "not slow"), ("--ignore=other",)])
def test_what_a_selection_may_leave_out_is_not_missing(project, run, selection):
    """A test that is gone may have been left out by -k; that is said, and fails nothing."""
    run("--energy-save=first")
    Path("test_work.py").write_text(f"import time\ndef test_a(energy): {WINDOW}\n")
    done = run("--energy-compare", "--energy-baseline-policy=missing", *selection)

    assert done.ret == 0
    option = selection[0].partition("=")[0]
    done.stdout.fnmatch_lines(["energy baseline 0001_first: 1 compared, 0 missing"])
    assert f"not in this run, and not called missing, because {option} may leave them out: test_b" in said(done)


def test_a_window_that_is_gone_is_missing_whatever_was_selected(pytester, run):
    """A test that runs without a part it had fails, although -k chose it: of this test everything is known."""
    window = "\n    with energy.window('{}'): time.sleep(0.01)"
    body = "import time\ndef test_a(energy):" + window.format("load")
    pytester.makepyfile(test_work=body + window.format("save"))
    run("--energy-save=first")
    Path("test_work.py").write_text(body + "\n")
    done = run("--energy-compare", "--energy-baseline-policy=missing", "-k", "test_a")

    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert "missing fails this session" in said(done) and "not in this run: test_a::save" in said(done)
