"""`--energy-resume`: a session that was cut off goes on where it stopped, or says why it starts over."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures import environment, scenarios
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.storage.location import location_of
from energy_fixtures.storage.shared_store import SharedStore
from tests.plugin import fake_engine
from tests.plugin.conftest import PLUGINS

CASES = """
import os, signal
import pytest
from energy_fixtures import Scenario

CASES = {f"b{b}": Scenario(engine="transformers", batch_size=b, input_tokens=8, output_tokens=8) for b in (1, 2, 3)}

@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES)
def test_case(scenario, energy):
    if scenario.batch_size == int(os.environ.get("BEFORE", 0)):
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
    result = energy.measure(scenario)
    assert sum(trial.reading.energy_j["gpu:0"] for trial in result.valid_trials) > 0
    if scenario.batch_size == int(os.environ.get("AFTER", 0)):
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
"""
QUICK = ("--energy-min-rounds=2", "--energy-min-window=0.01", "--energy-max-warmup=0.01", "--energy-device=cpu")


@pytest.fixture
def go(pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch):
    """Run the cases on an engine that answers at once; `before` and `after` name the case at which Ctrl-C comes."""
    monkeypatch.setattr(EngineHost, "load", staticmethod(fake_engine.load))
    monkeypatch.setattr(scenarios, "installed", lambda engine: None)
    monkeypatch.setattr(fake_engine, "FACTS", dict(fake_engine.FACTS))
    pytester.makepyfile(test_work=CASES)

    def session(
        *args: str, before: int = 0, after: int = 0, by: int = signal.SIGINT, place: str = "--energy-autosave"
    ) -> pytest.RunResult:
        monkeypatch.setenv("BEFORE", str(before))
        monkeypatch.setenv("AFTER", str(after))
        monkeypatch.setenv("SIGNAL", str(int(by)))
        fake_engine.LOADS.clear()
        if by == signal.SIGKILL:
            return run(*QUICK, place, *args, own_process=True)
        every = (*PLUGINS, "--energy-meter=simulated:300", *QUICK, place, *args)
        return pytester.runpytest_inprocess(*every, no_reraise_ctrlc=True)

    return session


def saved(pytester: pytest.Pytester) -> list[Path]:
    return sorted(pytester.path.glob(".benchmarks/*/*.json"))


def results(path: Path) -> dict[str, Any]:
    """Every result of a document by its case; each has to be there once."""
    found = json.loads(path.read_text())["energy"]["results"]
    assert len({result["case"] for result in found}) == len(found)
    return {result["case"]: result for result in found}


def test_goes_on_after_the_last_finished_case(pytester: pytest.Pytester, go):
    """After Ctrl-C the same command measures what is left; the new document holds every case once, the old file is gone."""
    assert go("--energy-resume", before=3).ret == pytest.ExitCode.INTERRUPTED
    (cut,) = saved(pytester)
    before = results(cut)
    assert "unfinished" in json.loads(cut.read_text())["energy"]
    done = go("--energy-resume")

    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(
        [
            f"energy resume: goes on from {cut.stem}: 2 of 3 cases finished there and the same",
            "  b1 *J/token simulated, 2 rounds within * from the interrupted run, measured ??:??",
            "  b2 * from the interrupted run, measured ??:??",
            f"energy results of *{cut.name}, which was cut off, are all in it; that run is removed",
        ]
    )
    (whole,) = saved(pytester)
    assert list(results(whole)) == ["b1", "b2", "b3"]
    assert {case: results(whole)[case] for case in before} == before
    assert "unfinished" not in json.loads(whole.read_text())["energy"]
    assert whole.name.startswith("0002_")


def test_goes_on_after_kill_9(pytester: pytest.Pytester, go):
    """What two killed sessions had journalled is taken over, also what the second one had not come to."""
    pytester.makeconftest("from tests.plugin.fake_engine import install\ninstall()")
    assert go(after=2, by=signal.SIGKILL).ret == -signal.SIGKILL
    assert go("--energy-resume", after=1, by=signal.SIGKILL).ret == -signal.SIGKILL  # which had taken over b1 alone
    done = go("--energy-resume")

    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(["  b1 * from the interrupted run, *", "  b2 * from the interrupted run, *"])
    assert list(results(saved(pytester)[-1])) == ["b1", "b2", "b3"]
    assert len(saved(pytester)) == 1


def test_every_run_that_was_cut_off_is_looked_at(pytester: pytest.Pytester, go):
    """A second interruption, before all of the first run was taken over, loses none of it."""
    go(before=3)
    first = results(saved(pytester)[0])
    go("--energy-resume", after=1)
    go("--energy-resume").assert_outcomes(passed=3)

    (whole,) = saved(pytester)
    assert {case: results(whole)[case] for case in first} == first


def test_an_engine_is_not_loaded_for_what_is_finished(go):
    """Where every case is finished nothing is loaded; the engine of a group that is not is loaded once and asked first."""
    go(after=3)
    go("--energy-resume", after=3)
    assert fake_engine.LOADS == []
    go("--energy-resume", "-k", "b1").assert_outcomes(passed=1, deselected=2)
    assert fake_engine.LOADS == []


def test_a_whole_run_is_not_resumed(pytester: pytest.Pytester, go):
    """After a run that came to its end everything is measured, and that is said."""
    go()
    done = go("--energy-resume")

    done.stdout.fnmatch_lines(["energy resume: nothing to resume, starts fresh: *"])
    assert "interrupted" not in done.stdout.str()
    first, second = saved(pytester)
    assert results(first)["b1"] != results(second)["b1"]


def change_facts(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    fake_engine.FACTS["attention"] = "flash"


def change_packages(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    versions = {**environment.package_versions(), "torch": "99.0"}
    monkeypatch.setattr(environment, "package_versions", lambda: versions)


def change_tests(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_work=CASES.replace("output_tokens=8", "output_tokens=9"))


@pytest.mark.parametrize(
    ("change", "args", "reasons"),
    [
        (change_facts, (), ["engine attention sdpa -> flash"]),
        (change_packages, (), ["torch * -> 99.0"]),
        (change_tests, (), ["test_work.py was changed", "output tokens 8 -> 9"]),
        (None, ("--energy-min-rounds=3",), ["--energy-min-rounds 2 -> 3"]),
        (None, ("--energy-phases",), ["--energy-phases default -> True", "the prefill of b1 was not measured"]),
    ],
)
def test_what_is_not_the_same_starts_over(pytester, go, monkeypatch, change, args, reasons):
    """Another engine, package, test or option: every case is measured anew, and each reason is said once."""
    go(before=3)
    if change is not None:
        change(monkeypatch, pytester)
    done = go("--energy-resume", *args)
    text = done.stdout.str()

    done.assert_outcomes(passed=3)
    for reason in reasons:
        done.stdout.fnmatch_lines([f"  starts over: {reason}"])
    assert text.count(f"starts over: {reasons[0].split(' *')[0]}") == 1
    assert "from the interrupted run" not in text
    assert len(saved(pytester)) == 2  # what the first run measured is not thrown away


def test_an_interrupted_run_is_no_baseline_of_its_own(pytester: pytest.Pytester, go):
    """With --energy-resume the baseline is the newest whole run, and the cases that are taken over are judged like others."""
    go(place="--energy-save=whole")
    go(before=3, place="--energy-save=cut")
    done = go(
        "--energy-resume",
        "--energy-compare",
        "--energy-compare-fail=joules_per_output_token:mean:2%",
        place="--energy-save=b",
    )

    done.stdout.fnmatch_lines(
        ["energy baseline: 0001_whole, the newest run, *", "energy baseline 0001_whole: 3 compared*"]
    )
    assert [path.name for path in saved(pytester)] == ["0001_whole.json", "0003_b.json"]


def test_naming_the_interrupted_run_as_the_baseline_is_refused(pytester: pytest.Pytester, go):
    """A comparison of a run with what is taken over from it is no comparison: exit 4 before anything runs."""
    go(before=3, place="--energy-save=cut")
    done = go("--energy-resume", "--energy-compare=cut")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--energy-compare=cut names a run that was cut off*"])


def test_the_file_of_json_goes_on_too(pytester: pytest.Pytester, go):
    """With --energy-json alone the session goes on from that file, or from what was recovered beside it."""
    place = "--energy-json=out.json"
    go(before=3, place=place)
    first = results(pytester.path / "out.json")
    go("--energy-resume", place=place).assert_outcomes(passed=3)

    whole = results(pytester.path / "out.json")
    assert {case: whole[case] for case in first} == first
    assert list(whole) == ["b1", "b2", "b3"]


def test_a_session_that_saves_nothing_cannot_resume(go):
    """Without a place to save there is nothing to go on from: exit 4 with the options to add."""
    done = go("--energy-resume", place="-q")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--energy-resume goes on with a saved run*--energy-autosave*"])


def test_a_case_that_failed_is_measured_anew(pytester: pytest.Pytester, go, monkeypatch: pytest.MonkeyPatch):
    """A case without enough valid trials is not finished, whatever is stored of it."""
    go(before=3)
    (cut,) = saved(pytester)
    document = json.loads(cut.read_text())
    for trial in document["energy"]["results"][0]["trials"]:
        trial["invalid_reasons"] = ["energy_negative"]
    cut.write_text(json.dumps(document))
    done = go("--energy-resume")

    done.stdout.fnmatch_lines(["energy resume: *: 1 of 3 cases *", "  starts over: b1 had 0 valid of 2 trials"])
    assert done.stdout.str().count("from the interrupted run") == 1


def test_functions_and_windows_run_again(pytester: pytest.Pytester, run, monkeypatch: pytest.MonkeyPatch):
    """A test needs what its functions return and do, so these are metered again."""
    pytester.makepyfile(
        """
        import os, time
        from pathlib import Path

        def test_function(energy):
            assert energy(lambda: (time.sleep(0.005), 42)[1]) == 42

        def test_window(energy):
            with energy.window("work"):
                Path("done.txt").write_text("done")

        def test_stop():
            assert not os.environ.get("STOP")

        def test_last(energy):
            energy.pedantic(time.sleep, args=(0.005,))
        """
    )
    monkeypatch.setenv("STOP", "1")
    run(*QUICK, "-x", "--energy-save=a")
    (pytester.path / "done.txt").unlink()
    monkeypatch.delenv("STOP")
    done = run(*QUICK, "--energy-resume", "--energy-save=b")

    done.assert_outcomes(passed=4)
    assert (pytester.path / "done.txt").exists()
    assert [path.name for path in saved(pytester)] == ["0001_a.json", "0002_b.json"]


def test_a_shared_store_holds_every_result_once(pytester: pytest.Pytester, go, monkeypatch: pytest.MonkeyPatch):
    """What was gone on from is sent with the new run, and the run that was cut off is removed from the store."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    where = f"file://{pytester.path}/shared"
    places = ("--energy-json=out.json", f"--energy-storage={where}")
    go(*places, before=3)
    (cut,) = SharedStore(location_of(where)).listed()
    assert not cut.whole
    done = go(*places, "--energy-resume")

    store = SharedStore(location_of(where))
    (run,) = store.listed()
    assert run.whole and list(results(store.fetch(run))) == ["b1", "b2", "b3"]
    done.stdout.fnmatch_lines(
        [f"energy results of *{cut.reference}, which was cut off, are all in it; that run is removed"]
    )


def test_another_number_of_threads_starts_over(go, monkeypatch: pytest.MonkeyPatch):
    """A variable that decides results is one of the settings."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    go(before=3)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    done = go("--energy-resume")

    done.stdout.fnmatch_lines(["energy resume: *: 0 of 3 cases *", "  starts over: OMP_NUM_THREADS 2 -> 3"])
