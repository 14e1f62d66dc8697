from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.engines.base import Work
from energy_fixtures.records import Speculation
from energy_fixtures.workloads.prompts import PATTERN_TOKENS, special_ids, token_prompts, work_prompts

SIZES = {"count": st.integers(1, 8), "length": st.integers(1, 200), "seed": st.integers(0, 2**32)}


@given(
    **SIZES,
    vocab_size=st.integers(4, 100_000),
    repeated=st.booleans(),
    avoid=st.frozensets(st.integers(0, 3), max_size=3),
)
def test_prompts_have_exactly_the_asked_shape(
    count: int, length: int, seed: int, vocab_size: int, repeated: bool, avoid: frozenset[int]
) -> None:
    """Every prompt has the asked length, ids of the vocabulary, and none of the special ones."""
    prompts = token_prompts(
        count=count, length=length, vocab_size=vocab_size, seed=seed, repeated=repeated, avoid=avoid
    )
    assert [len(prompt) for prompt in prompts] == [length] * count
    assert all(0 <= token < vocab_size and token not in avoid for prompt in prompts for token in prompt)


@given(**SIZES, repeated=st.booleans())
def test_equal_seeds_give_equal_prompts(count: int, length: int, seed: int, repeated: bool) -> None:
    """The same seed gives the same prompts, and more rows begin with the same rows."""
    few = token_prompts(count=count, length=length, vocab_size=512, seed=seed, repeated=repeated)
    more = token_prompts(count=count + 1, length=length, vocab_size=512, seed=seed, repeated=repeated)
    assert more[:count] == few


@given(seed=st.integers(0, 2**32), repeated=st.booleans())
def test_seeds_and_rows_differ(seed: int, repeated: bool) -> None:
    """Rows of one call and of neighbouring seeds begin differently, so that no prefix cache can help."""
    rows = [
        tuple(prompt[:16])
        for near in (seed, seed + 1, seed + 2)
        for prompt in token_prompts(count=4, length=64, vocab_size=512, seed=near, repeated=repeated)
    ]
    assert len(set(rows)) == len(rows)


@given(length=st.integers(2, 200), seed=st.integers(0, 1000))
def test_a_repeated_prompt_can_be_looked_up(length: int, seed: int) -> None:
    """The last token of a repeated prompt, and as many before it as the pattern allows, stand in it before."""
    (prompt,) = token_prompts(count=1, length=length, vocab_size=512, seed=seed, repeated=True)
    period = min(PATTERN_TOKENS, length // 2)
    assert prompt[period:] == prompt[:-period]


def test_prompts_are_the_same_on_every_machine() -> None:
    """The drawing is part of what a Scenario means: it never changes by accident."""
    assert token_prompts(count=2, length=4, vocab_size=512, seed=7) == [[346, 79, 86, 483], [138, 483, 420, 327]]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"length": 0}, {"vocab_size": 0}, {"avoid": range(9)}])
def test_impossible_prompts_are_refused(wrong: dict[str, int]) -> None:
    """Numbers out of range, or nothing left to draw, raise instead of looping for ever."""
    asked = {"count": 1, "length": 1, "vocab_size": 9, "seed": 0}
    with pytest.raises(ValueError, match="must be"):
        token_prompts(**{**asked, **wrong})


def test_special_ids_are_read_from_the_tokenizer(tmp_path: Path) -> None:
    """Ids that tokenizer.json marks special are found; added words that are ordinary are not among them."""
    added = [{"id": 5, "special": True}, {"id": 6, "special": False}]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    assert special_ids(tmp_path) == {5}


@pytest.mark.parametrize("content", [None, "", "[]", '{"added_tokens": [{"special": true}]}', '{"added_tokens": 3}'])
def test_a_tokenizer_that_cannot_be_read_has_no_known_special_ids(tmp_path: Path, content: str | None) -> None:
    """A missing, broken or foreign tokenizer.json gives the empty set."""
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    assert special_ids(tmp_path) == frozenset()


def test_work_draws_every_iteration_anew(scenario):
    """A window's work has one batch per iteration, no two alike, and n-gram cases get something to look up."""
    work = Work(scenario=scenario(batch_size=3, input_tokens=64), iterations=4, seed=7)
    batches = work_prompts(work, vocab_size=300, avoid={0})
    rows = [tuple(row) for batch in batches for row in batch]
    guessing = msgspec.structs.replace(work, scenario=scenario(speculation=Speculation(method="ngram", ngram_max=4)))

    assert [len(batch) for batch in batches] == [3] * 4
    assert len(set(rows)) == 12
    assert all(row[: len(row) // 2] != row[len(row) // 2 :] for row in rows)
    assert all(row[:4] == row[4:] for batch in work_prompts(guessing, vocab_size=300, avoid=()) for row in batch)


def test_requests_of_different_lengths_come_in_their_order(scenario):
    """Each iteration serves all of them, a batch at a time, and no prompt comes twice."""
    lengths = ((5, 1), (40, 2), (9, 3))
    work = Work(scenario=scenario(batch_size=2, input_tokens=64), iterations=2, seed=7, lengths=lengths)
    batches = work_prompts(work, vocab_size=30_000, avoid={0})

    assert work.batches == (((5, 1), (40, 2)), ((9, 3),))
    assert [[len(row) for row in batch] for batch in batches] == [[5, 40], [9]] * 2
    assert len({tuple(row) for batch in batches for row in batch}) == 6
