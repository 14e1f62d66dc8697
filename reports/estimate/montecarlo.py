"""Many queries: a model's draws in blocks, computed by threads here or by workers elsewhere, put together in order.

Work (model, cost, regime) × blocks ─► runner ─► Wh, shape (draws,)    the same numbers whoever computes them
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from reports.estimate.boundary import Reach
from reports.estimate.costs import Cost
from reports.estimate.distributions import BLOCK, Floats, Lognormal, Purpose, streams
from reports.estimate.lengths import draw_lengths
from reports.estimate.scenario import Regime, Scenario


@dataclass(frozen=True, kw_only=True)
class Work:
    """All draws of one model in one regime; small, and can be sent to another machine."""

    model: str
    cost: Cost
    scenario: Scenario
    regime: Regime
    reach: Reach
    pue: Lognormal

    def block(self, number: int, count: int) -> Floats:
        """Wh of the queries of one block in the boundary that was asked for, shape (count,)."""
        scenario = self.scenario
        draw = streams(scenario.seed, f"{self.regime} {self.model}", number)
        lengths = draw_lengths(scenario, self.regime, draw(Purpose.LENGTHS), count)
        wh = self.cost.each_wh(lengths, draw)
        wh *= self.reach.factor
        if self.reach.with_pue:
            wh *= self.pue.draw(draw(Purpose.PUE), count)
        return wh

    def fleet(self, number: int, count: int, queries: int = BLOCK) -> Floats:
        """Mean Wh of a query under `count` draws of the circumstances that a whole fleet shares, shape (count,)."""
        scenario = self.scenario
        asked = streams(scenario.seed, f"{self.regime} {self.model}", number)
        lengths = draw_lengths(scenario, self.regime, asked(Purpose.LENGTHS), queries)
        draw = streams(scenario.seed, f"fleet {self.model}", number)
        wh = self.cost.shared_wh(lengths, draw, count) * self.reach.factor
        # one site: all models of a fleet stand in the same halls
        return (
            wh * self.pue.draw(streams(scenario.seed, "fleet", number)(Purpose.PUE), count)
            if self.reach.with_pue
            else wh
        )


Task = tuple[Work, int, int]
"""A work, the number of one of its blocks, and how many draws that block has."""

Runner = Callable[[Sequence[Task]], Iterable[Floats]]
"""Computes tasks, and gives their draws in the order of the tasks."""


def compute(task: Task) -> Floats:
    """One task's draws."""
    work, number, count = task
    return work.block(number, count)


def on_threads(tasks: Sequence[Task]) -> Iterable[Floats]:
    """On every core of this machine; NumPy lets go of the interpreter while it draws."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(compute, tasks)


def draw_all(works: Sequence[Work], draws: int, runner: Runner = on_threads) -> list[Floats]:
    """Wh of `draws` queries per work, in the order of the works, each of shape (draws,)."""
    blocks = [(number, min(BLOCK, draws - number * BLOCK)) for number in range(-(-draws // BLOCK))]
    tasks = [(work, number, count) for work in works for number, count in blocks]
    wh = [np.empty(draws) for _ in works]
    for index, values in enumerate(runner(tasks)):
        place = (index % len(blocks)) * BLOCK
        wh[index // len(blocks)][place : place + len(values)] = values
    return wh


def on_each(function: Callable[[Floats], Floats], arrays: Sequence[Floats]) -> list[Floats]:
    """The function of every array, on every core."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, arrays))
