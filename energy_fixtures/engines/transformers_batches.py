"""Batches as `generate` takes them: rows of one length, shorter prompts padded on their left and masked. No torch here.

A batch is stepped until its longest output is done. Rows that wanted fewer tokens are computed on beside it, as Transformers
does where nothing ends a sequence, and what they gave beyond their own length is thrown away: that is what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from energy_fixtures.records import Request, Span

PAD = 0  # any id: the mask hides it


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of ids, 1 where an id counts, and the input and output tokens of each row."""

    rows: list[list[int]]
    mask: list[list[int]]
    lengths: tuple[tuple[int, int], ...]

    @property
    def steps(self) -> int:
        """Output tokens of the longest row."""
        return max(made for _, made in self.lengths)


def batch_of(prompts: Sequence[list[int]], lengths: tuple[tuple[int, int], ...]) -> Batch:
    """Prompts of these lengths, side by side."""
    longest = max(given for given, _ in lengths)
    return Batch(
        rows=[[PAD] * (longest - len(prompt)) + prompt for prompt in prompts],
        mask=[[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts],
        lengths=lengths,
    )


@dataclass(frozen=True, kw_only=True)
class Done:
    """One batch as `generate` returned it: tokens that each row got, and when (`begin_s` on the monotonic clock)."""

    lengths: tuple[tuple[int, int], ...]
    rows: int
    steps: int
    begin_s: float
    ttft_s: float | None
    e2e_s: float

    def requests(self) -> list[Request]:
        """One per row that came back, with its own length, or fewer tokens where fewer were made."""
        return [
            Request(
                input_tokens=given,
                output_tokens=min(made, self.steps) if self.mixed else self.steps,
                finish_reason="length",
                ttft_s=self.ttft_s,
                e2e_s=self.e2e_s,
            )
            for given, made in self.lengths[: self.rows]
        ]

    @property
    def mixed(self) -> bool:
        """Whether rows differ in length."""
        return len(set(self.lengths)) > 1

    def span(self, started_s: float) -> Span:
        """When it ran, counted from `started_s`; a batch is one forward pass, so all rows have their first token at once."""
        start_s = self.begin_s - started_s
        first_s = None if self.ttft_s is None else start_s + self.ttft_s
        return Span(start_s=start_s, first_token_s=first_s, end_s=start_s + self.e2e_s)
