"""The `energy` fixture as any project uses it."""

import json


def load(pytester, name="out.json"):
    return json.loads((pytester.path / name).read_text())


def trials_of(document, index=0):
    return document["energy"]["results"][index]["trials"]


def test_call_returns_the_value_and_meters_it(pytester, run):
    """energy(fn, ...) gives the function's value; its windows are filled by repeating it."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            assert energy(lambda a, b: time.sleep(0.01) or a + b, 2, b=3) == 5
        """
    )
    result = run("--energy-json=out.json")
    result.assert_outcomes(passed=1)
    trials = trials_of(load(pytester))

    assert result.ret == 0
    assert len(trials) == 5
    assert all(trial["iterations"] > 5 for trial in trials)
    assert all(
        abs(trial["reading"]["energy_j"]["gpu:0"] / trial["reading"]["duration_s"] - 300) < 1 for trial in trials
    )


def test_pedantic_does_exactly_what_is_said(pytester, run):
    """Rounds, warm-up rounds, iterations, setup and teardown are carried out as given, and only the calls are metered."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            calls = []
            energy.pedantic(
                lambda: calls.append("call"), setup=lambda: calls.append("setup"), teardown=lambda: time.sleep(0.02),
                rounds=2, iterations=3, warmup_rounds=1)
            assert calls == ["setup", "call"] + ["setup", "call", "call", "call"] * 2
        """
    )
    result = run("--energy-json=out.json")
    result.assert_outcomes(passed=1)
    trials = trials_of(load(pytester))

    assert [trial["iterations"] for trial in trials] == [3, 3]
    assert all(trial["reading"]["duration_s"] < 0.015 for trial in trials)


def test_pedantic_without_warm_up_calls_no_more_than_said(pytester, run):
    """warmup_rounds=0, the default as in pytest-benchmark, means that no call goes unmetered."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            calls = []
            energy.pedantic(lambda: calls.append(time.sleep(0.001)), rounds=2)
            assert len(calls) == 2
        """
    )
    run().assert_outcomes(passed=1)


def test_setup_may_hand_over_arguments(pytester, run):
    """What setup returns is what the function is called with, and what teardown gets."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            seen = []
            energy.pedantic(lambda a, b: time.sleep(0.001), setup=lambda: ((1,), {"b": 2}),
                            teardown=lambda a, b: seen.append((a, b)), rounds=2)
            assert seen == [(1, 2)] * 2
        """
    )
    run().assert_outcomes(passed=1)


def test_window_covers_its_body_and_nothing_else(pytester, run):
    """The reading of a block holds the block's time and energy by domain, not what stands around it."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            time.sleep(0.05)
            with energy.window("outer") as outer:
                with energy.window("inner") as inner:
                    time.sleep(0.02)
                time.sleep(0.03)
            time.sleep(0.05)
            assert 0.02 <= inner.reading.duration_s < 0.03
            assert 0.05 <= outer.reading.duration_s < 0.07
            assert abs(inner.reading.energy_j["gpu:0"] - 300 * inner.reading.duration_s) < 0.1
            assert inner.reading.method == "simulated"
            assert "simulated_not_measured" in inner.reading.doubts
        """
    )
    result = run("--energy-json=out.json")
    result.assert_outcomes(passed=1)

    assert [one["case"] for one in load(pytester)["energy"]["results"]] == ["test_x::inner", "test_x::outer"]


def test_same_window_again_is_another_trial(pytester, run):
    """A window inside a loop gathers one trial per turn."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            for _ in range(4):
                with energy.window("step"):
                    time.sleep(0.002)
        """
    )
    run("--energy-json=out.json").assert_outcomes(passed=1)

    assert len(trials_of(load(pytester))) == 4


def test_reading_before_the_end_is_refused(pytester, run):
    """A window that has not ended has no reading, and says so."""
    pytester.makepyfile(
        """
        def test_x(energy):
            with energy.window("w") as window:
                window.reading
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*window 'w' has no reading*"])


def test_window_of_a_failing_test_is_not_a_result(pytester, run):
    """What a failing test metered is not stored as if it had worked."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            with energy.window("w"):
                time.sleep(0.01)
            assert False
        """
    )
    run("--energy-json=out.json").assert_outcomes(failed=1)

    assert not (pytester.path / "out.json").exists()


def test_one_test_measures_once(pytester, run):
    """Calling the fixture twice is refused with the way to name parts, as in pytest-benchmark."""
    pytester.makepyfile(
        """
        import time
        def test_x(energy):
            energy(time.sleep, 0.001)
            energy(time.sleep, 0.001)
        """
    )
    result = run("--energy-min-window=0.01")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*already used in this test*energy.window*"])


def test_impossible_pedantic_numbers_are_refused(pytester, run):
    """Zero rounds or iterations cannot be asked for."""
    pytester.makepyfile("def test_x(energy):\n    energy.pedantic(int, rounds=0)\n")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rounds must be >= 1, got 0*"])


def test_zero_joules_fail_the_test(pytester, run):
    """A meter that read nothing is a failing test with a remedy, never a free call."""
    pytester.makepyfile("import time\ndef test_x(energy):\n    energy.pedantic(time.sleep, args=(0.01,))\n")
    result = run(meter="simulated:0")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*0 valid of 1 trials*zero or negative joules*"])


def test_meter_without_an_answer_is_a_sentence(pytester, run):
    """A replayed run that lacks the case fails calls and windows with one sentence and no traceback."""
    pytester.makepyfile("import time\ndef test_x(energy):\n    energy.pedantic(time.sleep, args=(0.01,))\n")
    run("--energy-json=out.json")
    pytester.makepyfile(
        """
        import time
        def test_call(energy):
            energy.pedantic(time.sleep, args=(0.01,))
        def test_window(energy):
            with energy.window("w"):
                time.sleep(0.01)
        """
    )
    result = run(meter="replay:out.json")

    result.assert_outcomes(failed=2)
    assert "Traceback" not in result.stdout.str()
    assert "fixture.py:" not in result.stdout.str()


def test_disabled_window_skips_where_its_reading_is_used(pytester, run):
    """With --energy-disable a block runs unmetered, and a test that needs its reading is skipped."""
    pytester.makepyfile(
        """
        def test_block(energy):
            with energy.window("w"):
                pass
        def test_reading(energy):
            with energy.window("w") as window:
                pass
            assert window.reading.energy_j
        """
    )
    run("--energy-disable").assert_outcomes(passed=1, skipped=1)


def test_a_window_left_open_spoils_no_other_test(pytester, run):
    """A window that its test never closes is ended with the test, which fails; the next ones are outermost again."""
    pytester.makepyfile(
        """
        import time

        KEPT = []

        def test_forgets(energy):
            KEPT.append(energy.window("left open"))
            KEPT[0].__enter__()

        def test_next(energy):
            with energy.window("next") as window:
                time.sleep(0.01)
            assert window.reading.energy_j
        """
    )
    done = run()

    done.assert_outcomes(failed=1, passed=1)
    done.stdout.fnmatch_lines(["window 'left open' was never closed; use it in a with statement"])
    assert "Exception ignored" not in done.stderr.str()
