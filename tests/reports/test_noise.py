"""What sessions differ by on their own, from the store's history."""

from __future__ import annotations

import math
import random

import pytest

from reports.noise import ASSUMED, ENOUGH, WORTH, Between, from_squares, learn


def sessions(case, run_of, deviation: float, count: int, seed: int = 1, changes: dict[int, float] | None = None):
    """Runs of three cases whose level is another one each day, and by a factor from the runs of `changes` on."""
    rng, factor = random.Random(seed), 1.0
    for index in range(count):
        factor *= (changes or {}).get(index, 1.0)
        day = math.exp(rng.gauss(0, deviation))
        yield run_of(
            *(case(name, [day * factor * level] * 3) for name, level in (("b1", 1.0), ("b8", 0.2), ("b16", 0.1)))
        )


def test_nothing_known_is_assumed():
    """Without a history one percent is assumed and said."""
    assert learn([]) == Between()
    assert "assumed" in Between().sentence


@pytest.mark.parametrize("deviation", [0.002, 0.05])
def test_history_is_learnt(case, run_of, deviation):
    """Many sessions outweigh the assumption: quiet machines come out quieter, noisy ones noisier."""
    learnt = learn(list(sessions(case, run_of, deviation, 40)))

    assert learnt.sessions == 39
    assert abs(learnt.deviation - deviation) < abs(learnt.deviation - ASSUMED) or deviation < ASSUMED
    assert (learnt.deviation < ASSUMED) == (deviation < ASSUMED)
    assert "learnt from 39 pairs of runs" in learnt.sentence


def test_two_sessions_by_hand(case, run_of):
    """Two runs that differ by ln 1.1: (10 x 0.01² + ln(1.1)² / 2) / 11 is the variance."""
    learnt = learn([run_of(case("b1", [1.0, 1.0])), run_of(case("b1", [1.1, 1.1]))])

    assert learnt.deviation == pytest.approx(math.sqrt((WORTH * ASSUMED**2 + math.log(1.1) ** 2 / 2) / (WORTH + 1)))
    assert learnt.sentence.endswith("(learnt from 1 pair of runs of the same code)")


def test_cases_of_one_day_count_once(case, run_of):
    """A hundred cases of two sessions are one difference of days, not a hundred."""
    runs = [run_of(*(case(f"b{index}", [day] * 2) for index in range(100))) for day in (1.0, 1.1)]

    assert learn(runs).freedom == Between().freedom + 1


def test_other_work_says_nothing_of_days(case, run_of):
    """Cases of which the work or the meter changed are not compared."""
    runs = [run_of(case("b1", [1.0, 1.0], output_tokens=8)), run_of(case("b1", [2.0, 2.0], output_tokens=16))]

    assert learn(runs).sessions == 0


def test_another_driver_says_nothing_of_days(case, run_of, environment):
    """What a new version costs is a change, not a day."""
    then, now = (
        environment(boards=({"name": "NVIDIA H200", "uuid": "GPU-1", "driver": driver},)) for driver in ("580", "590")
    )
    runs = [run_of(case("b1", [1.0, 1.0]), where=then), run_of(case("b1", [2.0, 2.0]), where=now)]

    assert learn(runs) == Between()


def test_a_change_of_the_code_is_no_day(case, run_of):
    """Two runs of each commit, and every commit doubles the joules: only what lies inside a commit is learnt."""
    doubled = dict.fromkeys(range(2, 12, 2), 2.0)
    runs = list(sessions(case, run_of, 0.002, 12, changes=doubled))
    learnt = learn(runs, [f"commit {index // 2}" for index in range(12)])

    assert (learnt.sessions, learnt.across) == (6, 0)
    assert learnt.deviation < ASSUMED
    assert learn(runs).deviation > 0.2  # what it would be if commits did not count


def test_runs_of_one_commit_are_pairs_although_others_lie_between(case, run_of):
    """Two commits measured in turn, one of them twice as dear: each is held against its own last run."""
    runs = [run_of(case("b1", [level, level])) for level in (1.0, 2.0, 1.0, 2.0)]
    learnt = learn(runs, ["a", "b", "a", "b"])

    assert (learnt.sessions, learnt.across) == (2, 0)
    assert learnt.deviation == pytest.approx(math.sqrt(WORTH * ASSUMED**2 / (WORTH + 2)))


def test_most_commits_change_little_and_few_changes_are_no_noise(case, run_of):
    """Of 19 commits three change the joules by half: by their medians the days between them come out all the same."""
    runs = list(sessions(case, run_of, 0.02, 20, changes={4: 1.5, 9: 0.6, 15: 1.4}))
    learnt = learn(runs, [f"commit {index}" for index in range(20)])

    assert (learnt.sessions, learnt.across) == (0, 19)
    assert 0.01 < learnt.deviation < 0.03
    assert learn(runs).deviation > 0.06
    assert learnt.sentence.endswith("(learnt from 19 pairs across commits by their median)")
    assert learnt.freedom < WORTH + 8


def test_medians_across_commits_are_right_on_the_average(case, run_of):
    """Over many histories without a change, medians across commits give the variance that was put in, to 15 %."""
    squares = []
    for seed in range(60):
        learnt = learn(list(sessions(case, run_of, 0.03, 20, seed)), [None] * 20)
        squares.append((learnt.deviation**2 * learnt.freedom - WORTH * ASSUMED**2) / (learnt.freedom - WORTH))
    assert math.sqrt(sum(squares) / 60) == pytest.approx(0.03, rel=0.15)


@pytest.mark.parametrize("code", ["commit", "edited"])
def test_a_few_commits_tell_nothing(case, run_of, code):
    """Below five pairs across commits, or of edited checkouts, a median is no guard, and nothing is learnt."""
    runs = [run_of(case("b1", [float(2**index)] * 2)) for index in range(ENOUGH)]
    assert learn(runs, [f"{index}" if code == "commit" else None for index in range(ENOUGH)]) == Between()


def test_sure_is_wide():
    """The surer one wants to be, the further the interval reaches."""
    assert Between().reach(0.9999) > Between().reach(0.99) > Between().reach(0.95) > ASSUMED


def squares_of(rng: random.Random, deviations: list[float], pairs: int) -> list[dict[str, float]]:
    """Squared differences of sessions whose cases vary each on its own."""
    return [
        {f"b{index}": rng.gauss(0, math.sqrt(2) * deviation) ** 2 for index, deviation in enumerate(deviations)}
        for _ in range(pairs)
    ]


def test_restless_cases_have_a_share_of_their_own():
    """Where three of fifty cases vary ten times as much from session to session, they are known by it and the calm ones too."""
    learnt = from_squares(squares_of(random.Random(1), [0.003] * 47 + [0.04] * 3, 19))
    calm, restless = learnt.of("b0"), learnt.of("b49")

    assert learnt.cases
    assert "each has its own" in learnt.sentence
    assert restless.deviation > 0.02 > 0.006 > calm.deviation
    assert restless.reach(0.9998) > 2 * learnt.reach(0.9998) > 2 * calm.reach(0.9998)
    assert learnt.of("of another file").freedom < calm.freedom


def test_alike_cases_share_what_is_known():
    """Cases that vary alike are not told apart: each has what all of them show together."""
    learnt = from_squares(squares_of(random.Random(2), [0.01] * 50, 19))

    assert not learnt.cases
    assert learnt.of("b0") == learnt


def test_one_pair_tells_no_cases_apart():
    """A single difference of two sessions says nothing of a single case."""
    assert not from_squares(squares_of(random.Random(3), [0.001] * 25 + [0.05] * 25, 1)).cases


def test_no_session_alarms_where_cases_differ():
    """Of sessions of fifty unlike cases without a change at most 1 in 100 has one beyond what its sessions differ by."""
    rng, alarms = random.Random(4), 0
    for _ in range(100):
        deviations = [0.01 * math.exp(rng.gauss(0, 0.8)) for _ in range(50)]
        learnt = from_squares(squares_of(rng, deviations, 19))
        alarms += any(
            abs(rng.gauss(0, math.sqrt(2) * deviation)) > learnt.of(f"b{index}").reach(1 - 0.01 / 50)
            for index, deviation in enumerate(deviations)
        )

    assert alarms <= 1
