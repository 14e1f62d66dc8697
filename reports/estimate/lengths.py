"""Lengths of queries by regime: one answer, one long answer, or a task of several turns whose context grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reports.estimate.distributions import Floats, exponential_lengths
from reports.estimate.scenario import Regime, Scenario


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Tokens of some queries, turn by turn; the three broadcast to (turns, queries).

    Attributes:
        contexts: The whole prompt of a turn.
        computed: Those of its tokens that no cache holds.
        outputs: The answer.
    """

    contexts: Floats
    computed: Floats
    outputs: Floats

    def mean(self, weights: Floats | None = None) -> Lengths:
        """One query that computes and writes as many tokens as they do on average, over all turns together."""
        queries = np.broadcast_shapes(self.contexts.shape, self.outputs.shape)

        def average(tokens: Floats) -> Floats:
            return np.array([[np.average(np.broadcast_to(tokens, queries).sum(axis=0), weights=weights)]])

        return Lengths(contexts=average(self.contexts), computed=average(self.computed), outputs=average(self.outputs))


def single(inputs: Floats, outputs: Floats) -> Lengths:
    """Queries of one turn each; shapes (n,) or (1,)."""
    contexts = inputs.reshape(1, -1)
    return Lengths(contexts=contexts, computed=contexts, outputs=outputs.reshape(1, -1))


def typical(scenario: Scenario) -> tuple[float, float]:
    """Prompt and answer that a regime is told at: medians; of a task the last turn, which sees most, on average."""
    tokens, plan = scenario.tokens, scenario.agentic
    if scenario.regime == "agentic":
        answers = plan.output / math.log(2)  # the mean of an exponential with this median
        return plan.input + (plan.turns - 1) * (plan.growth + answers), plan.output
    return tokens.input, tokens.traditional if scenario.regime == "traditional" else tokens.test_time


def draw_lengths(scenario: Scenario, regime: Regime, rng: np.random.Generator, count: int) -> Lengths:
    """So many queries of a regime."""
    tokens = scenario.tokens
    if regime == "agentic":
        return _task(scenario, rng, count)
    median = tokens.traditional if regime == "traditional" else tokens.test_time
    return single(np.array([float(tokens.input)]), exponential_lengths(rng, median, count))


def _task(scenario: Scenario, rng: np.random.Generator, count: int) -> Lengths:
    """Each turn sees the first prompt, all answers so far and what tools returned; a cache may hold what was there before."""
    plan = scenario.agentic
    outputs = exponential_lengths(rng, plan.output, count * plan.turns).reshape(plan.turns, count)
    contexts = np.full((plan.turns, count), float(plan.input))
    contexts[1:] += np.cumsum(outputs[:-1], axis=0) + plan.growth * np.arange(1, plan.turns)[:, None]
    computed = contexts.copy()
    computed[1:] -= plan.cached_share * contexts[:-1]
    return Lengths(contexts=contexts, computed=computed, outputs=outputs)
