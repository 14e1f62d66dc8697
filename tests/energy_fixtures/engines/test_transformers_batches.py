"""Batches for `generate`: padding by hand, and whose tokens count."""

from __future__ import annotations

from energy_fixtures.engines.transformers_batches import Done, batch_of


def test_shorter_prompts_are_padded_on_their_left_and_masked() -> None:
    """Every row ends with its last prompt token; what is not its own is masked; the longest output sets the steps."""
    batch = batch_of([[7, 8, 9], [5]], ((3, 2), (1, 6)))

    assert batch.rows == [[7, 8, 9], [0, 0, 5]]
    assert batch.mask == [[1, 1, 1], [0, 0, 1]]
    assert batch.steps == 6


def test_a_row_counts_its_own_tokens_and_not_what_it_was_computed_on() -> None:
    """Of six steps the row that wanted two has two; a row that was not stepped far enough has fewer than it wanted."""
    done = Done(lengths=((3, 2), (1, 6), (1, 9)), rows=3, steps=6, begin_s=1.0, ttft_s=0.5, e2e_s=2.0)

    assert [(one.input_tokens, one.output_tokens) for one in done.requests()] == [(3, 2), (1, 6), (1, 6)]


def test_of_equal_rows_every_token_counts() -> None:
    """Where all wanted the same, more tokens than asked for show, and so does a row that is missing."""
    done = Done(lengths=((3, 2),) * 3, rows=2, steps=5, begin_s=1.0, ttft_s=None, e2e_s=2.0)

    assert [one.output_tokens for one in done.requests()] == [5, 5]
    assert (done.span(0.5).start_s, done.span(0.5).first_token_s, done.span(0.5).end_s) == (0.5, None, 2.5)
