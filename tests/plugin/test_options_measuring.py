"""Options that say how much is measured, with what, and whether at all; and the sentences for values that cannot be."""

import json

import pytest

from energy_fixtures.meters.probe import Probe


def trials(pytester):
    return json.loads((pytester.path / "out.json").read_text())["energy"]["results"][0]["trials"]


@pytest.fixture
def calls(pytester):
    """A folder with one test of a plain call."""
    pytester.makepyfile(test_calls="import time\ndef test_x(energy):\n    energy(time.sleep, 0.01)\n")
    return pytester


def test_min_rounds(calls, run):
    """--energy-min-rounds sets the number of windows."""
    run("--energy-min-rounds=2", "--energy-json=out.json")

    assert len(trials(calls)) == 2


def test_min_window(calls, run):
    """--energy-min-window sets how long a window is at least."""
    run("--energy-min-window=0.05", "--energy-json=out.json")

    assert all(0.05 <= trial["reading"]["duration_s"] < 0.2 for trial in trials(calls))


def test_max_time_cuts_rounds_but_leaves_two(calls, run):
    """--energy-max-time stops further windows once it is spent, never below two."""
    run("--energy-min-rounds=9", "--energy-max-time=0.001", "--energy-json=out.json")

    assert len(trials(calls)) == 2


def test_header_names_meter_and_domains(calls, run):
    """Before the first test the meter is named, with what its joules are."""
    run().stdout.fnmatch_lines(["meter: simulated*gpu:0*"])


def test_no_header_without_energy(pytester, run):
    """A session that measures nothing says nothing, and looks for no meter."""
    pytester.makepyfile("def test_x(): pass")

    assert "meter:" not in run(meter="zeus").stdout.str()


def test_modelled_says_so_everywhere(calls, run):
    """The modelled meter is named as such in the header and in the record."""
    result = run("--energy-cpu-watts=2:8", "--energy-json=out.json", meter="modelled")

    result.stdout.fnmatch_lines(["meter: modelled, not measured*"])
    assert trials(calls)[0]["reading"]["method"] == "modelled"


def test_replay_plays_the_recorded_joules(calls, run):
    """A saved run's readings come back, as replayed, with as many rounds and iterations as recorded."""
    run("--energy-json=out.json")
    recorded = trials(calls)
    result = run("--energy-json=again.json", meter="replay:out.json")
    again = json.loads((calls.path / "again.json").read_text())["energy"]["results"][0]["trials"]

    result.stdout.fnmatch_lines(["meter: replay*"])
    assert [trial["iterations"] for trial in again] == [trial["iterations"] for trial in recorded]
    assert [trial["reading"]["energy_j"] for trial in again] == [trial["reading"]["energy_j"] for trial in recorded]
    assert {trial["reading"]["method"] for trial in again} == {"replay"}


def test_replay_of_an_unknown_case_fails_it(calls, run):
    """A case that the recorded run lacks fails with its name, and nothing is made up."""
    run("--energy-json=out.json")
    calls.makepyfile(test_calls="import time\ndef test_other(energy):\n    energy(time.sleep, 0.01)\n")
    result = run(meter="replay:out.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_other*"])


def test_zeus_without_a_counter_is_a_usage_error(calls, run, monkeypatch):
    """Where no counter can be read and one was insisted on, one sentence with the fix ends the session, exit code 4."""
    monkeypatch.setattr("energy_fixtures.meters.select.probe", lambda: Probe(counters=False, missing=("no GPU: none",)))
    result = run(meter="zeus")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--energy-meter=zeus finds no counter*no GPU: none*--energy-meter=modelled*"])


def test_auto_without_a_counter_falls_back(calls, run, monkeypatch):
    """The same machine without insisting measures with the model, and says so."""
    monkeypatch.setattr("energy_fixtures.meters.select.probe", lambda: Probe(counters=False, missing=("no GPU: none",)))
    result = run("--energy-min-window=0.02", meter="auto")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["meter: modelled, not measured*", "*no GPU: none"])


def test_cuda_without_a_gpu_is_a_usage_error(calls, run, monkeypatch):
    """A GPU that was named and is not there ends the session in one sentence, instead of skipping every case."""
    monkeypatch.setattr("energy_fixtures.options.accelerator_present", lambda: False)
    monkeypatch.setattr("energy_fixtures.options.missing_gpu", lambda: "no GPU: none is seen; install a driver")
    result = run("--energy-device=cuda")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--energy-device=cuda, but there is no GPU: none is seen; install a driver*"])
    assert run("--energy-device=cuda", "--energy-skip").ret == 0
    assert run("--energy-device=cuda", "--collect-only").ret == 0


def test_skip_only_and_disable(pytester, run):
    """The three switches of pytest-benchmark, for energy: skip it, run nothing else, or call once without a meter."""
    pytester.makepyfile(
        """
        CALLS = []
        def test_energy(energy):
            energy.pedantic(CALLS.append, args=(1,), rounds=5)
            assert len(CALLS) == 1
        def test_other(): pass
        """
    )

    run("--energy-skip").assert_outcomes(passed=1, skipped=1)
    run("--energy-disable").assert_outcomes(passed=2)
    run("--energy-only", "--energy-disable").assert_outcomes(passed=1, skipped=1)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--energy-meter=zeuss",), "*zeuss*zeus*"),
        (("--energy-meter=replay:no-such-file.json",), "*no-such-file.json*"),
        (("--energy-meter=simulated:abc",), "*abc*"),
        (("--energy-meter=modelled", "--energy-cpu-watts=lots"), "*lots*"),
        (("--energy-meter=simulated", "--energy-domains=gpux"), "*gpux*"),
        (("--energy-min-rounds=0",), "*--energy-min-rounds*'0' is not a number of rounds*"),
        (("--energy-min-window=-1",), "*--energy-min-window*'-1' is not a duration*"),
        (("--energy-timeout=soon",), "*--energy-timeout*'soon' is not a duration*"),
        (("--energy-max-warmup=0",), "*--energy-max-warmup*'0' is not a duration*"),
        (("--energy-cooldown=-1",), "*--energy-cooldown*'-1' is not a duration*"),
        (("--energy-idle=long",), "*--energy-idle*'long' is not a duration*"),
        (("--energy-max-error=1",), "*--energy-max-error*'1' is not an error to ask for*0.5%*"),
        (("--energy-max-error=50%",), "*--energy-max-error*'50%' is not an error*"),
        (("--energy-max-error=0%",), "*--energy-max-error*'0%' is not an error*"),
        (("--energy-model=tinny",), "*tinny*tiny*"),
        (("--energy-model=shape:llama-3.1-9b",), "*shape:llama-3.1-8b*"),
        (("--energy-model=./no/such/folder",), "*no/such/folder*"),
        (("--energy-trust-remote-code=owner/other",), "*names no model of this run*"),
        (("--energy-metre=auto",), "*unrecognized arguments: --energy-metre=auto*"),
        (("--energy-device=tpu",), "*invalid choice: 'tpu'*"),
    ],
)
def test_bad_value_is_one_sentence_and_exit_code_4(calls, run, args, sentence):
    """A value that cannot be is refused before anything runs: what was seen, what is needed."""
    result = run(*args, meter=None)

    assert result.ret == 4
    result.stderr.fnmatch_lines([sentence])


def test_xdist_workers_with_energy_options_are_a_usage_error(calls, run):
    """Two processes that share a board cannot be told apart: exit code 4, before anything runs."""
    result = run("-n", "2")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--energy-meter with xdist workers*-n 0*"])


def test_xdist_workers_never_measure(calls, run):
    """Also without an option, a worker fails the test with the sentence that says what to do."""
    result = run("-n", "2", meter=None, own_process=True)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*energy cannot be told apart between xdist workers*-n 0*"])


@pytest.mark.parametrize("switch", ["--energy-skip", "--energy-disable"])
def test_xdist_workers_are_fine_where_nothing_is_measured(calls, run, switch):
    """Skipping or disabling energy goes together with workers."""
    assert run("-n", "1", switch, meter=None, own_process=True).ret == 0
