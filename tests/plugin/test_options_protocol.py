"""Options that say how long is measured: warm-up, error, cool-down, power at rest; and what bad windows lead to."""

from __future__ import annotations

import json
import time

import pytest

from energy_fixtures.meters.base import MeterInfo, State
from energy_fixtures.readings import BoardTrace, Reading

EDGE_J = 0.1  # of 100 W on each of two boards: 14 % of 5 ms, 1 % of 71 ms


class Board:
    """A counter of 100 W on the real clock, with an error of EDGE_J; `spoil` says what is wrong with which window."""

    def __init__(self, spoil=lambda index: {}, celsius=lambda: 40.0):
        self.info = MeterInfo(
            name="board",
            method="counter",
            domains=("gpu:0", "gpu:1"),
            resolution_s=0.001,
            contents=(("gpu:0", "board with memory"), ("gpu:1", "board with memory")),
        )
        self.spoil, self.celsius = spoil, celsius
        self.windows = -1  # the first is the one at rest

    def begin(self, label, pids):
        return time.monotonic()

    def end(self, token):
        seconds = time.monotonic() - token
        joules = dict.fromkeys(self.info.domains, 100 * seconds)
        fields = {"energy_j": joules, "uncertainty_j": dict.fromkeys(joules, EDGE_J / 1.96)}
        fields |= self.spoil(self.windows)
        self.windows += 1
        return Reading(duration_s=seconds, method="counter", **fields)

    def state(self, since_s, domains=None):
        return State(power_w=200.0, temperature_c=self.celsius())

    def recorded(self, label):
        return None

    def close(self):
        pass


@pytest.fixture
def measured(pytester, run, monkeypatch):
    """Run one test of a plain call on a Board; returns pytest's result and the stored results."""
    pytester.makepyfile(test_calls="import time\ndef test_x(energy):\n    energy(time.sleep, 0.005)\n")

    def run_on(board, *args):
        monkeypatch.setattr("energy_fixtures.session.choose_meter", lambda *_, **__: board)
        short = ("--energy-idle=0.01", "--energy-max-warmup=0.2", "--energy-min-window=0.004", "--energy-max-error=45%")
        result = run(*short, "--energy-min-rounds=3", "--energy-json=out.json", *args, meter="zeus")
        return result, json.loads((pytester.path / "out.json").read_text())["energy"]["results"]

    return run_on


def reasons(results):
    return [trial.get("invalid_reasons", []) for trial in results[0]["trials"]]


def test_header_says_power_at_rest_and_what_a_total_contains(measured):
    """Before the first case stand the watts of every domain at rest, and once for like domains what they contain."""
    result, (stored,) = measured(Board())

    result.stdout.fnmatch_lines(["meter: board*", "*gpu:0 gpu:1: board with memory", "idle: gpu:0 100 W, gpu:1 100 W"])
    assert stored["idle_w"]["gpu:0"] == pytest.approx(100, rel=0.01)
    assert not any("no_idle_baseline" in trial["doubts"] for trial in stored["trials"])


def test_idle_can_be_left_out(measured):
    """--energy-idle=0 looks at no power at rest, stores none and doubts nothing."""
    result, (stored,) = measured(Board(), "--energy-idle=0")

    assert "idle:" not in result.stdout.str()
    assert "idle_w" not in stored
    assert not any("no_idle_baseline" in trial.get("doubts", ()) for trial in stored["trials"])


def test_idle_is_not_looked_for_where_nothing_is_measured(pytester, run):
    """A simulated meter spends no time on power at rest, unless it is asked for."""
    pytester.makepyfile(test_calls="import time\ndef test_x(energy):\n    energy(time.sleep, 0.005)\n")

    assert "idle:" not in run("--energy-min-window=0.02").stdout.str()
    run("--energy-min-window=0.02", "--energy-idle=0.01").stdout.fnmatch_lines(["idle: gpu:0 300 W"])


def test_busy_board_has_no_baseline(measured):
    """A foreign process at the start is told in the header, and every result carries the doubt."""
    busy = {"boards": {"gpu:0": BoardTrace(foreign_processes=1)}}
    result, (stored,) = measured(Board(lambda index: busy if index == -1 else {}))

    assert result.ret == 0
    result.stdout.fnmatch_lines(["idle: not known: other work is on gpu:0 already*"])
    assert "gpu:0" not in stored.get("idle_w", {})
    assert all("no_idle_baseline" in trial["doubts"] for trial in stored["trials"])


def test_max_error_makes_windows_longer(measured):
    """With --energy-max-error=1% calls of 5 ms are repeated until windows are long enough; 45% is content with one."""
    _, (strict,) = measured(Board(), "--energy-max-error=1%")
    _, (lax,) = measured(Board(), "--energy-max-error=45%")

    assert all(trial["reading"]["duration_s"] > 0.07 for trial in strict["trials"])
    assert all(trial["iterations"] == 1 for trial in lax["trials"])
    assert not any("error_above_limit" in trial["doubts"] for trial in strict["trials"])


def test_error_that_time_does_not_allow_is_a_doubt(measured):
    """Where --energy-max-time ends before windows are long enough, they count with the doubt that they are not."""
    _, (stored,) = measured(Board(), "--energy-max-error=0.1%", "--energy-max-time=0.2")

    assert all("error_above_limit" in trial["doubts"] for trial in stored["trials"])


def test_cooldown_waits_before_each_window(measured):
    """--energy-cooldown waits for a board that stays warm as long as it says before every window."""
    celsius = iter([40.0])
    result, (stored,) = measured(Board(celsius=lambda: next(celsius, 60.0)), "--energy-cooldown=0.3")

    assert result.ret == 0
    assert len(stored["trials"]) == 3
    assert result.duration > 3 * 0.3


def test_board_that_never_levels_is_a_doubt(measured, pytester):
    """A temperature that rises until --energy-max-warmup is over stays on the number as a doubt."""
    pytester.makepyfile(test_calls="import time\ndef test_x(energy):\n    energy(time.sleep, 0.05)\n")
    rising = iter(range(30, 3000))
    _, (stored,) = measured(Board(celsius=lambda: float(next(rising))))
    _, (level,) = measured(Board(), "--energy-max-warmup=5")

    assert all("warmup_not_level" in trial["doubts"] for trial in stored["trials"])
    assert not any("warmup_not_level" in trial["doubts"] for trial in level["trials"])


def test_invalid_windows_are_replaced_and_kept(measured):
    """A board that throttles once costs one more window: three valid trials, the invalid one stored with its reason."""
    hot = {"boards": {"gpu:0": BoardTrace(throttle=("hw_thermal_slowdown",))}}
    result, stored = measured(Board(lambda index: hot if index == 1 else {}))

    assert result.ret == 0
    assert reasons(stored) == [[], ["throttled"], [], []]


def test_case_without_valid_trials_fails_with_every_reason_once(measured):
    """When window after window is invalid the case ends early and fails, each reason with its remedy, no number shown."""
    bad = {
        "boards": {"gpu:0": BoardTrace(foreign_processes=2, power_limit_min_w=300.0, power_limit_max_w=700.0)},
        "energy_j": {"gpu:1": 5.0},
        "uncertainty_j": {},
        "invalid_reasons": ("counter_unreadable",),
    }
    result, stored = measured(Board(lambda index: {} if index < 0 else bad))
    text = result.stdout.str().partition("short test summary info")[0]  # which says it again where CI is set

    result.assert_outcomes(failed=1)
    assert len(stored[0]["trials"]) == 1 + 2  # one and the spare ones
    assert set(reasons(stored)[0]) == {"counter_unreadable", "foreign_process", "power_limit_changed"}
    for code in reasons(stored)[0]:
        assert text.count(f"({code});") == 1
    assert "0 valid of 3 trials" in text


def test_one_valid_trial_of_one_round_is_a_result(measured):
    """Who asks for one round gets a result from one valid window, although another one was invalid."""
    gone = {"energy_j": {}, "uncertainty_j": {}, "invalid_reasons": ("counter_stuck",)}
    spoiled = Board(lambda index: gone if index == 0 else {})
    result, stored = measured(spoiled, "--energy-min-rounds=1")

    assert result.ret == 0
    assert len(reasons(stored)) == 2


def test_windows_and_pedantic_calls_are_judged_alike(measured, pytester):
    """A throttled board makes a block and a counted call invalid as it does a Scenario; neither is repeated."""
    pytester.makepyfile(
        test_calls="""
        import time
        def test_block(energy):
            with energy.window("w"):
                time.sleep(0.005)
        def test_call(energy):
            energy.pedantic(time.sleep, args=(0.005,), rounds=1)
        """
    )
    hot = {"boards": {"gpu:1": BoardTrace(throttle=("hw_slowdown",))}}
    result, stored = measured(Board(lambda index: hot if index >= 0 else {}))

    result.assert_outcomes(failed=2)
    assert [len(one["trials"]) for one in stored] == [1, 1]
    # pytest says failures again in its closing summary, in full where the variable CI is set
    assert result.stdout.str().partition("short test summary info")[0].count("(throttled);") == 2


@pytest.mark.engines
def test_phases_are_measured_for_scenarios_alone(pytester, run):
    """--energy-phases measures a Scenario once more up to its first token, and leaves plain functions as they are."""
    pytester.makepyfile(
        """
        import time
        from energy_fixtures import Scenario
        def test_function(energy):
            energy(time.sleep, 0.005)
        def test_scenario(energy):
            energy.measure(Scenario(engine="transformers", batch_size=2, input_tokens=8, output_tokens=4))
        def test_one_token(energy):
            energy.measure(Scenario(engine="transformers", batch_size=1, input_tokens=8, output_tokens=1))
        """
    )
    quick = ("--energy-min-rounds=2", "--energy-min-window=0.05", "--energy-device=cpu", "--energy-json=out.json")
    run("--energy-phases", *quick).assert_outcomes(passed=3)
    function, one_token, scenario = sorted(
        json.loads((pytester.path / "out.json").read_text())["energy"]["results"], key=lambda one: one["case"]
    )

    assert "prefill_trials" not in function
    assert "prefill_trials" not in one_token
    assert len(scenario["prefill_trials"]) == 2
    assert {request[1] for trial in scenario["prefill_trials"] for request in trial["generation"]["requests"]} == {1}
    seeds = [trial["seed"] for trial in (*scenario["trials"], *scenario["prefill_trials"])]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.engines
def test_interrupted_prefill_leaves_the_whole(pytester, run):
    """Ctrl-C while prefill is measured apart keeps what was measured of the whole."""
    pytester.makeconftest(
        """
        from energy_fixtures.session import EnergySession
        def interrupted(*_):
            raise KeyboardInterrupt
        EnergySession._prefill = interrupted
        """
    )
    pytester.makepyfile(
        """
        from energy_fixtures import Scenario
        def test_scenario(energy):
            energy.measure(Scenario(engine="transformers", batch_size=2, input_tokens=8, output_tokens=4))
        """
    )
    quick = ("--energy-min-rounds=2", "--energy-min-window=0.05", "--energy-device=cpu", "--energy-json=out.json")
    result = run("--energy-phases", *quick, own_process=True)
    (stored,) = json.loads((pytester.path / "out.json").read_text())["energy"]["results"]

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert len(stored["trials"]) == 2
    assert "prefill_trials" not in stored


def test_calls_that_say_how_often_are_doubted_too(pytester, measured):
    """Windows of energy.pedantic never grow, so that one that is less certain than asked says so."""
    pytester.makepyfile(
        test_calls="import time\ndef test_x(energy):\n    energy.pedantic(time.sleep, (0.005,), rounds=2)\n"
    )
    _, (stored,) = measured(Board(), "--energy-max-error=1%")

    assert [trial["iterations"] for trial in stored["trials"]] == [1, 1]
    assert all("error_above_limit" in trial["doubts"] for trial in stored["trials"])
