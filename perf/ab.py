"""How often the verdict of `joules ab` is right when each block is a session with a day of its own, by seeded simulation.

Beside it stand three other ways to judge the same draws: rounds as if they were independent, sessions as the unit only where
an analysis of variance sees them, and the interval of rounds with what sessions differ by added to it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from perf.figure import Figure
from reports.comparison import no_narrower
from reports.policy import CONFIDENCE, LEVEL
from reports.replication import session_ratio
from reports.sequential import anytime_ratio
from reports.statistics import quantile

NOISE, OFFSETS = 0.01, (0.0, 0.005, 0.01, 0.02)  # of a round; of a session, each as a share
DESIGNS = ((6, 2), (6, 3), (12, 2), (12, 3))
"""Rounds a side, and rounds in a block."""

LIMIT = 0.025
RUNS = 4000
SEED = 20260102

Side = list[list[float]]
"""Values of one side, by block."""

Interval = tuple[float, float]
Method = Callable[[Side, Side, float], Interval]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of A/B run: rounds, rounds in a block, and how much sessions differ."""

    rounds: int
    block: int
    offset: float

    def draw(self, rng: np.random.Generator, change: float = 0.0) -> tuple[Side, Side]:
        """A and B, B dearer by `change`."""
        blocks = self.rounds // self.block
        days = rng.normal(0, self.offset, (2, blocks, 1))
        logs = days + rng.normal(0, NOISE, (2, blocks, self.block))
        base, new = np.exp(logs[0]), np.exp(logs[1]) * (1 + change)
        return base.tolist(), new.tolist()

    @property
    def said(self) -> str:
        """For a figure's detail."""
        return f"{self.rounds} rounds in blocks of {self.block}, sessions {100 * self.offset:g} %"


CELLS = tuple(Cell(rounds=rounds, block=block, offset=offset) for (rounds, block) in DESIGNS for offset in OFFSETS)


def figures() -> Iterator[Figure]:
    """Coverage and false alarms over all designs and offsets, then what is found, then UNCHANGED that is not."""
    rng = np.random.default_rng(SEED)
    held: dict[str, dict[Cell, float]] = {name: {} for name in METHODS}
    alarms: dict[str, dict[Cell, float]] = {name: {} for name in METHODS}
    for cell in CELLS:
        draws = [cell.draw(rng) for _ in range(RUNS)]
        for name, method in METHODS.items():
            seen = [method(base, new, CONFIDENCE) for base, new in draws]
            held[name][cell] = 100 * sum(low <= 1 <= high for low, high in seen) / RUNS
            wrong = (_regressed(base, new, one) for (base, new), one in zip(draws, seen, strict=True))
            alarms[name][cell] = 100 * sum(wrong) / RUNS
    for offset in OFFSETS:
        yield _worst(f"A/A covered by the {100 * CONFIDENCE:g} % interval", held, offset, least=True)
    for offset in OFFSETS:
        yield _worst(f"false REGRESSED beyond {100 * LIMIT:g} %, A/A", alarms, offset, least=False)
    yield from _found(rng)
    yield _not_unchanged(rng)
    yield _coarse(rng)


def _sessions(base: Side, new: Side, level: float) -> Interval:
    """Ours."""
    one = session_ratio(base, new, level)
    assert one.low is not None and one.high is not None, "two blocks a side at least"
    return one.low, one.high


def _rounds(base: Side, new: Side, level: float) -> Interval:
    """Rounds as if they were independent, as the gate takes those of one session."""
    one = anytime_ratio(_flat(base), _flat(new), level)
    return one.low or 0.0, one.high or math.inf


def _tested(base: Side, new: Side, level: float) -> Interval:
    """Sessions where an analysis of variance sees them at 1 %, else rounds."""
    between, noise, blocks = _variances(base, new)
    from scipy.special import fdtrc

    size = len(base[0])
    seen = fdtrc(blocks - 2, blocks * (size - 1), size * between / noise) < 0.01
    return _sessions(base, new, level) if seen else _rounds(base, new, level)


def _added(base: Side, new: Side, level: float) -> Interval:
    """Rounds at half of the doubt, and at the other half what sessions differ by beyond them."""
    between, noise, blocks = _variances(base, new)
    extra = max(0.0, between - noise / len(base[0]))
    reach = quantile(blocks - 2, 1 - (1 - level) / 2) * math.sqrt(4 / blocks * extra)
    low, high = _rounds(base, new, 1 - (1 - level) / 2)
    return low * math.exp(-reach), high * math.exp(reach)


METHODS: dict[str, Method] = {
    "ours, a session is one value": _sessions,
    "rounds as if independent": _rounds,
    "sessions if a test sees them": _tested,
    "rounds plus what sessions add": _added,
}
OURS, *OTHERS = METHODS


def _variances(base: Side, new: Side) -> tuple[float, float, int]:
    """Variance of block means within the sides, of rounds within the blocks, and how many blocks there are."""
    logs = np.log(np.array([base, new]))
    means = logs.mean(axis=2)
    blocks = means.size
    between = float(((means - means.mean(axis=1, keepdims=True)) ** 2).sum()) / (blocks - 2)
    within = float(((logs - means[:, :, None]) ** 2).sum()) / (logs.size - blocks)
    return between, within, blocks


def _flat(side: Side) -> list[float]:
    return list(itertools.chain.from_iterable(side))


def _regressed(base: Side, new: Side, interval: Interval, limit: float = LIMIT) -> bool:
    """As the gate: the mean beyond the limit, and the interval above no change."""
    return _mean(new) / _mean(base) > 1 + limit and interval[0] > 1


def _mean(side: Side) -> float:
    values = _flat(side)
    return math.fsum(values) / len(values)


def _worst(name: str, shares: dict[str, dict[Cell, float]], offset: float, *, least: bool) -> Figure:
    """The worst design of one offset, ours against the others."""
    pick = min if least else max
    cells = [cell for cell in CELLS if cell.offset == offset]
    worst = {method: pick(of[cell] for cell in cells) for method, of in shares.items()}
    others = "; ".join(f"{method} {worst[method]:.3g} %" for method in OTHERS)
    # three standard errors of the simulation beside the goal itself
    doubt = 300 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / RUNS)
    goal = 100 * CONFIDENCE - doubt if least else 100 * (1 - CONFIDENCE)
    detail = f"worst of {len(cells)} designs, {RUNS} runs each; {others}"
    title = f"{name}, sessions differ by {100 * offset:g} %"
    return Figure(name=title, value=worst[OURS], unit="%", goal=round(goal, 2), at_least=least, detail=detail)


def _found(rng: np.random.Generator) -> Iterator[Figure]:
    """What honesty costs: a change of +5 % in the default rounds and in twice as many, of one gated case and of one of fifty."""
    for rounds, offset, gated in ((6, 0.0, 1), (6, 0.005, 1), (12, 0.005, 1), (12, 0.01, 1), (12, 0.005, 50)):
        cell, level = Cell(rounds=rounds, block=2, offset=offset), 1 - (1 - CONFIDENCE) / gated
        draws = [cell.draw(rng, 0.05) for _ in range(RUNS)]
        seen = {name: [method(base, new, level) for base, new in draws] for name, method in METHODS.items()}
        found = {
            name: 100
            * sum(_regressed(base, new, one) for (base, new), one in zip(draws, intervals, strict=True))
            / RUNS
            for name, intervals in seen.items()
        }
        half = median(math.log(high / low) / 2 for low, high in seen[OURS])
        others = "; ".join(f"{name} {found[name]:.3g} %" for name in OTHERS)
        detail = f"limit {100 * LIMIT:g} %; ours is ± {100 * half:.2g} % wide in the middle; {others}"
        name = f"+5 % found, {cell.said}" + (f", one of {gated} cases" if gated > 1 else "")
        yield Figure(name=name, value=found[OURS], unit="%", goal=90, at_least=True, detail=detail)


def _not_unchanged(rng: np.random.Generator) -> Figure:
    """UNCHANGED said of a change just beyond the limit, by the printed interval; the worst of all designs and offsets."""
    shares = {cell: 100 * sum(_inside(*cell.draw(rng, LIMIT * 1.001)) for _ in range(RUNS)) / RUNS for cell in CELLS}
    worst = max(shares, key=lambda cell: shares[cell])
    return Figure(
        name="UNCHANGED of a change beyond the limit",
        value=shares[worst],
        unit="%",
        goal=5,
        detail=f"{RUNS} runs; worst with {worst.said}",
    )


def _coarse(rng: np.random.Generator) -> Figure:
    """A/A of one session by a counter of coarse steps that windows of the same work meet alike, at several noises."""
    step, rounds, limit = 0.02, 20, 0.005
    own = step * math.sqrt(2 / 12) * math.sqrt(2)  # both ends of a window, both sides
    shares: dict[float, tuple[float, float]] = {}
    for noise in (0.0, 0.002, 0.005, 0.008, 0.01):
        alarms = [0, 0]
        for _ in range(RUNS):
            phases = rng.uniform(0, 1, (2, 1))
            work = np.exp(rng.normal(0, noise, (2, rounds)))
            base, new = ((np.floor(work / step + phases) - np.floor(phases)) * step).tolist()
            spread = anytime_ratio(base, new, CONFIDENCE)
            for place, one in enumerate((no_narrower(spread, own), spread)):
                alarms[place] += _regressed([base], [new], (one.low or 0.0, one.high or math.inf), limit)
        shares[noise] = (100 * alarms[0] / RUNS, 100 * alarms[1] / RUNS)
    worst = max(shares, key=lambda noise: shares[noise][0])
    alone = max(shares, key=lambda noise: shares[noise][1])
    detail = (
        f"steps of {100 * step:g} %, {rounds} rounds, limit {100 * limit:g} %, worst of {len(shares)} noises; by the spread of "
        f"trials alone {shares[alone][1]:.3g} % (noise {100 * alone:g} %)"
    )
    return Figure(
        name="false REGRESSED of a coarse counter, A/A", value=shares[worst][0], unit="%", goal=1, detail=detail
    )


def _inside(base: Side, new: Side) -> bool:
    low, high = _sessions(base, new, LEVEL)
    return low >= 1 - LIMIT and high <= 1 + LIMIT


def main() -> None:
    """Print all figures."""
    for figure in figures():
        print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
