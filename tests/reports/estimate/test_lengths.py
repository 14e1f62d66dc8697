"""Lengths of a task of several turns, by hand."""

from __future__ import annotations

import numpy as np

from reports.estimate.distributions import Purpose, streams
from reports.estimate.lengths import draw_lengths
from reports.estimate.reading import read_scenario


def test_the_context_grows_by_answers_and_by_what_tools_return() -> None:
    """Turn three sees the first prompt, two answers and twice the growth; a cache holds its share of what was there before."""
    scenario = read_scenario(
        sets=("agentic.turns=3", "agentic.input=1000", "agentic.growth=200", "agentic.cached_share=0.75"),
        options={"regime": "agentic"},
    )
    lengths = draw_lengths(scenario, "agentic", streams(1, "x", 0)(Purpose.LENGTHS), 5)
    first, second, third = lengths.contexts
    a, b, _ = lengths.outputs
    assert first.tolist() == [1000.0] * 5
    assert second.tolist() == (1000 + a + 200).tolist()
    assert third.tolist() == (1000 + a + b + 400).tolist()
    assert lengths.computed[0].tolist() == [1000.0] * 5
    assert lengths.computed[2].tolist() == (third - 0.75 * second).tolist()


def test_one_turn_is_one_query() -> None:
    """A task of one turn has the lengths of a query with the same prompt and answers."""
    task = read_scenario(
        sets=("agentic.turns=1", "agentic.input=500", "agentic.output=300"), options={"regime": "agentic"}
    )
    pair = [
        draw_lengths(task, regime, streams(1, "x", 0)(Purpose.LENGTHS), 50) for regime in ("agentic", "traditional")
    ]
    assert np.broadcast_to(pair[1].contexts, pair[0].contexts.shape).tolist() == pair[0].contexts.tolist()
    assert pair[0].outputs.tolist() == pair[1].outputs.tolist()


def test_the_mean_query_counts_all_turns() -> None:
    """The mean query of a task has the mean of the turns' sums."""
    scenario = read_scenario(options={"regime": "agentic"})
    lengths = draw_lengths(scenario, "agentic", streams(1, "x", 0)(Purpose.LENGTHS), 40)
    assert np.isclose(lengths.mean().outputs.item(), lengths.outputs.sum(axis=0).mean())
    assert np.isclose(lengths.mean().computed.item(), lengths.computed.sum(axis=0).mean())
