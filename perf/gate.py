"""How often the gate is right, on seeded noise like a real board's, beside what others would say of the same draws.

Noise of one trial: lognormal within a session, a slow AR(1) drift, an offset of the session's day, outliers, and the
counter's steps. Cases differ in how noisy they are. Everything is drawn once and handed to all methods.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np

from perf.figure import Figure
from reports.noise import ASSUMED, WORTH, Between
from reports.sequential import anytime_ratio
from reports.statistics import ratio
from reports.within import Within, pooled

GATED, CONFIDENCE, TOLERANCE = 50, 0.99, 0.02
FEWEST, MOST = 5, 20
POWER = 0.99  # what ours has at +3 % as well
SEED = 20260101


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations as shares; `drift` is that of the AR(1) process, which forgets half in some three rounds."""

    within: float = 0.02
    drift: float = 0.005
    day: float = 0.005
    outlier: float = 0.10
    outliers: float = 0.01
    steps: float = 0.002

    def trials(
        self, rng: np.random.Generator, count: int, *, drift: np.ndarray | None = None, day: float = 0.0
    ) -> list[float]:
        """Values of one case in one session, true value 1."""
        logs = rng.normal(0, self.within, count) + day + (self.path(rng, count) if drift is None else drift)
        logs += np.where(rng.random(count) < self.outliers, self.outlier, 0.0)
        return [float(value) for value in np.exp(logs) * (1 + self.steps * rng.uniform(-1, 1, count))]

    def path(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """The drift alone."""
        path, level = np.empty(count), rng.normal(0, self.drift)
        for index in range(count):
            level = 0.8 * level + rng.normal(0, self.drift * 0.6)
            path[index] = level
        return path


CASES_DIFFER = 0.4
"""Standard deviation of ln(noise) from case to case: one in twenty is more than twice as noisy as the middle one."""

QUIET = Noise(within=0.01, drift=0.003, day=0.0, outliers=0.0, steps=0.001)


def figures() -> Iterator[Figure]:
    """False alarms, changes found, coverage, UNCHANGED that is not, rounds spent."""
    rng = np.random.default_rng(SEED)
    yield from _false_alarms(rng, sessions=300)
    yield _false_alarms_interleaved(rng, sessions=300)
    yield from _found(rng, change=0.03, rounds=20, goal_within=20, runs=400)
    yield from _found(rng, change=0.05, rounds=8, goal_within=8, runs=400)
    yield from _covered(rng, runs=3000)
    yield _not_unchanged(rng, runs=1500)
    yield _spent(rng, runs=400)


def _false_alarms(rng: np.random.Generator, sessions: int) -> Iterator[Figure]:
    """Sessions of 50 cases without a change against a stored baseline, looked at after every round."""
    noise, level = Noise(), 1 - (1 - CONFIDENCE) / GATED
    between = _learnt(rng, noise, sessions=10)
    reach = between.reach(level)
    noises = _cases(rng, noise)
    alarms = dict.fromkeys(
        ("ours", "pytest-benchmark mean:5%", "Mann-Whitney p < 0.05, n = 10", "t-test p < 0.01, n = 10"), 0
    )
    for _ in range(sessions):
        days, drifts = rng.normal(0, noise.day, 2), [noise.path(rng, MOST) for _ in range(2)]
        hit = dict.fromkeys(alarms, False)
        old, now = (
            [one.trials(rng, MOST, drift=drift, day=day) for one in noises]
            for drift, day in zip(drifts, days, strict=True)
        )
        within = pooled([base[:10] for base in old])
        for base, new in zip(old, now, strict=True):
            hit["ours"] |= any(
                one.low is not None and one.low > 1 and one.value is not None and one.value > 1 + TOLERANCE
                for one in (
                    anytime_ratio(base[:10], new[:n], level, between=reach, within=within)
                    for n in range(FEWEST, MOST + 1)
                )
            )
            hit["pytest-benchmark mean:5%"] |= fmean(new[:10]) > 1.05 * fmean(base[:10])
            hit["Mann-Whitney p < 0.05, n = 10"] |= _mann_whitney(base[:10], new[:10]) < 0.05 and median(
                new[:10]
            ) > median(base[:10])
            hit["t-test p < 0.01, n = 10"] |= (ratio(base[:10], new[:10], 0.99).low or 0) > 1
        for name, alarm in hit.items():
            alarms[name] += alarm
    others = "; ".join(f"{name} {100 * count / sessions:.3g} %" for name, count in alarms.items() if name != "ours")
    detail = f"{sessions} sessions of {GATED} cases, looked at after each of {FEWEST} to {MOST} rounds; {others}"
    share = 100 * alarms["ours"] / sessions
    yield Figure(
        name="sessions with a false REGRESSED, stored baseline", value=share, unit="%", goal=1.0, detail=detail
    )


def _false_alarms_interleaved(rng: np.random.Generator, sessions: int) -> Figure:
    """The same in turn, on one day: nothing but the rounds' own noise, outliers included, stands against an alarm."""
    level, alarms = 1 - (1 - CONFIDENCE) / GATED, 0
    for _ in range(sessions):
        drawn = [_interleaved(rng, 0.0, MOST, noise) for noise in _cases(rng, Noise())]
        within = pooled([base[:FEWEST] for base, _ in drawn])
        alarms += any(_first(base, new, level, MOST, within) is not None for base, new in drawn)
    detail = f"{sessions} sessions of {GATED} cases at 2 % noise, looked at after each of {FEWEST} to {MOST} rounds"
    share = 100 * alarms / sessions
    return Figure(name="sessions with a false REGRESSED, interleaved", value=share, unit="%", goal=1.0, detail=detail)


def _found(rng: np.random.Generator, change: float, rounds: int, goal_within: int, runs: int) -> Iterator[Figure]:
    """Interleaved A/B at a noise of 1 %: both sides share the drift."""
    level, within = 1 - (1 - CONFIDENCE) / GATED, _within(rng)
    spent = []
    for _ in range(runs):
        base, new = _interleaved(rng, change, rounds)
        spent.append(_first(base, new, level, rounds, within))
    found = [count for count in spent if count is not None]
    share = 100 * len(found) / runs
    detail = f"{runs} runs, one of {GATED} gated cases; median {median(found):g} rounds a side"
    name = f"+{100 * change:g} % found within {goal_within} rounds, interleaved, 1 % noise"
    yield Figure(name=name, value=share, unit="%", goal=95, at_least=True, detail=detail)


def _covered(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """The printed 95 % interval of a ratio, interleaved."""
    for count in (5, 10, 30):
        held = 0
        for _ in range(runs):
            base, new = _interleaved(rng, 0.01, count)
            one = ratio(base, new, 0.95)
            held += one.low is not None and one.high is not None and one.low <= 1.01 <= one.high
        share, name = 100 * held / runs, f"printed 95 % interval holds, n = {count}"
        yield Figure(name=name, value=share, unit="%", goal=94, at_least=True, detail=f"{runs} runs; goal 94 to 99 %")


def _not_unchanged(rng: np.random.Generator, runs: int) -> Figure:
    """UNCHANGED said at any round although the true change is just outside the tolerance."""
    wrong, within = 0, _within(rng)
    for _ in range(runs):
        base, new = _interleaved(rng, TOLERANCE * 1.001, MOST)
        wrong += any(
            one.low is not None and one.high is not None and one.low >= 1 - TOLERANCE and one.high <= 1 + TOLERANCE
            for one in (anytime_ratio(base[:n], new[:n], 0.95, within=within) for n in range(FEWEST, MOST + 1))
        )
    detail = f"{runs} runs, looked at after every round"
    return Figure(
        name="UNCHANGED of a change beyond the tolerance", value=100 * wrong / runs, unit="%", goal=5, detail=detail
    )


def _spent(rng: np.random.Generator, runs: int) -> Figure:
    """Mean rounds a side over changes of +3 to +10 %, against the fixed number that finds +3 % as often in such draws."""
    level, within = 1 - (1 - CONFIDENCE) / GATED, _within(rng)
    changes = (0.03, 0.05, 0.07, 0.10)
    draws = {change: [_interleaved(rng, change, MOST) for _ in range(runs // 4)] for change in changes}
    spent = {change: [_first(*draw, level, MOST, within) or MOST for draw in some] for change, some in draws.items()}
    fixed = _fixed_rounds(rng, 0.03, level, power=POWER)
    mean = fmean(count for some in spent.values() for count in some)
    each = ", ".join(f"{fmean(some):.2g} at +{100 * change:g} %" for change, some in spent.items())
    detail = f"{each}; from {FEWEST} rounds on; {fixed} of a fixed-n t-test that finds +3 % in {100 * POWER:g} % of such draws"
    return Figure(name="rounds spent over fixed n", value=mean / fixed, unit="times", goal=0.5, detail=detail)


def _interleaved(
    rng: np.random.Generator, change: float, rounds: int, noise: Noise = QUIET
) -> tuple[list[float], list[float]]:
    """ABBA order: the drift runs through both sides."""
    path = noise.path(rng, 2 * rounds)
    order = [side for pair in range(rounds) for side in ((0, 1) if pair % 2 == 0 else (1, 0))]
    paths = [path[[index for index, side in enumerate(order) if side == wanted]] for wanted in (0, 1)]
    base = noise.trials(rng, rounds, drift=paths[0])
    new = noise.trials(rng, rounds, drift=paths[1], day=math.log1p(change))
    return base, new


def _cases(rng: np.random.Generator, noise: Noise) -> list[Noise]:
    """The gated cases of a session, some noisier than others."""
    return [replace(noise, within=noise.within * math.exp(rng.normal(0, CASES_DIFFER))) for _ in range(GATED)]


def _within(rng: np.random.Generator) -> Within | None:
    """What five rounds of the other cases of an interleaved session say of the noise."""
    return pooled([one.trials(rng, FEWEST) for one in _cases(rng, QUIET)])


def _first(base: Sequence[float], new: Sequence[float], level: float, rounds: int, within: Within | None) -> int | None:
    """The round at which the change is called."""
    for count in range(FEWEST, rounds + 1):
        one = anytime_ratio(base[:count], new[:count], level, within=within)
        if one.low is not None and one.low > 1 and one.value is not None and one.value > 1 + TOLERANCE:
            return count
    return None


def _learnt(rng: np.random.Generator, noise: Noise, sessions: int) -> Between:
    """What the store's history would say: as `reports.noise.learn`, from the days alone."""
    means = [
        [fmean(map(math.log, noise.trials(rng, 10, drift=path, day=day))) for _ in range(GATED)]
        for day, path in ((rng.normal(0, noise.day), noise.path(rng, 10)) for _ in range(sessions))
    ]
    squares = [
        fmean((late - early) ** 2 for early, late in zip(before, after, strict=True)) / 2
        for before, after in itertools.pairwise(means)
    ]
    freedom = WORTH + len(squares)
    deviation = math.sqrt((WORTH * ASSUMED**2 + sum(squares)) / freedom)
    return Between(deviation=deviation, freedom=freedom, sessions=len(squares))


def _mann_whitney(base: Sequence[float], new: Sequence[float]) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(base, new, alternative="two-sided").pvalue)


def _fixed_rounds(rng: np.random.Generator, change: float, level: float, power: float) -> int:
    """Rounds a side of a two-sided t-test that are fixed beforehand, enough to find the change in `power` of the draws."""
    draws = [_interleaved(rng, change, 2 * MOST) for _ in range(2000)]
    for rounds in range(3, 2 * MOST + 1):
        intervals = (ratio(base[:rounds], new[:rounds], level) for base, new in draws)
        if fmean((one.low or 0) > 1 for one in intervals) >= power:
            return rounds
    raise ValueError(f"no number of rounds up to {2 * MOST} has that power")
