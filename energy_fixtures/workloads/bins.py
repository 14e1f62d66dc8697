"""Requests sorted into cells of input and output length, as "Energy Considerations of LLM Inference" does it.

    (33, 8) ─► the smallest bin that holds it, on each side ─► cell (128, 8)

Whoever measures a cell sends requests of exactly the bins' lengths. Rounding up makes them longer than they were: by how
much stands beside every total as `input_inflation` and `output_inflation`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from energy_fixtures.errors import ConfigurationError

if TYPE_CHECKING:
    from energy_fixtures.workloads.lengths import Lengths

_AT_ONCE = 1 << 20  # requests binned at a time: a long trace needs no second copy of itself


@dataclass(frozen=True, kw_only=True)
class Bins:
    """The longest lengths of each bin in tokens, rising."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        for side, bins in (("input", self.inputs), ("output", self.outputs)):
            rising = all(low < high for low, high in itertools.pairwise(bins))
            if not bins or bins[0] < 1 or not rising or bins[-1] > 2**31 - 1:
                raise ConfigurationError(
                    f"the {side} bins are {', '.join(map(str, bins)) or 'none'}; needed are whole numbers from 1 that rise"
                )


OUTPUTS = (8, 16, 32, 64, 128, 256, 512)  # 2^n, 3 <= n <= 9: list and formula agree
PRINTED = Bins(inputs=(32, 128, 256, 512, 1024, 2048, 4096, 8192), outputs=OUTPUTS)
"""The input bins as the paper lists them."""
POWERS = Bins(inputs=tuple(2**power for power in range(4, 14)), outputs=OUTPUTS)
"""The input bins by the paper's formula, 2^m with 4 <= m <= 13: also 16 and 64."""
NAMED = {"printed": PRINTED, "powers": POWERS}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell by the lengths that stand for it, in tokens, and how many requests fall into it.

    `true_input_tokens` and `true_output_tokens` are what these requests have together as they are; None where unknown.
    """

    input_tokens: int
    output_tokens: int
    requests: int
    true_input_tokens: int | None = None
    true_output_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Binned:
    """A workload in cells.

    Attributes:
        bins: What it was sorted into.
        cells: Those that hold requests, by input, then output.
        beyond_input: Requests left out whose input alone is longer than the last bin.
        beyond_output: The same for the output.
        beyond_both: Requests left out for both.
        input_tokens: Of the requests in the cells, as they were.
        output_tokens: The same for the output.
    """

    bins: Bins
    cells: tuple[Cell, ...]
    beyond_input: int
    beyond_output: int
    beyond_both: int
    input_tokens: int
    output_tokens: int

    @property
    def kept(self) -> int:
        """Requests in the cells."""
        return sum(cell.requests for cell in self.cells)

    @property
    def left_out(self) -> int:
        """Requests in none."""
        return self.beyond_input + self.beyond_output + self.beyond_both

    @property
    def possible(self) -> int:
        """Cells there could be."""
        return len(self.bins.inputs) * len(self.bins.outputs)

    @property
    def binned_input_tokens(self) -> int:
        """What the input amounts to when every request has its bin's length."""
        return sum(cell.requests * cell.input_tokens for cell in self.cells)

    @property
    def binned_output_tokens(self) -> int:
        """The same for the output."""
        return sum(cell.requests * cell.output_tokens for cell in self.cells)

    @property
    def input_inflation(self) -> float | None:
        """Binned over true input tokens, >= 1; None where no request was kept."""
        return self.binned_input_tokens / self.input_tokens if self.input_tokens else None

    @property
    def output_inflation(self) -> float | None:
        """The same for the output."""
        return self.binned_output_tokens / self.output_tokens if self.output_tokens else None


def bin_lengths(lengths: Lengths, bins: Bins = PRINTED) -> Binned:
    """Sort every request into the smallest bin that holds it, on each side; those longer than the last are counted."""
    import numpy as np

    # of the tokens' own type: several times quicker
    edges_in = np.array(bins.inputs, dtype=lengths.input_tokens.dtype)
    edges_out = np.array(bins.outputs, dtype=lengths.output_tokens.dtype)
    wide = len(bins.outputs) + 1  # one place more on each side, for what is longer than the last
    counts = np.zeros((len(bins.inputs) + 1) * wide, dtype=np.int64)
    true_in, true_out = np.zeros((2, len(bins.inputs), len(bins.outputs)), dtype=np.int64)
    for start in range(0, len(lengths), _AT_ONCE):
        tokens_in = lengths.input_tokens[start : start + _AT_ONCE]
        tokens_out = lengths.output_tokens[start : start + _AT_ONCE]
        place_in, place_out = np.searchsorted(edges_in, tokens_in), np.searchsorted(edges_out, tokens_out)
        place = place_in * wide + place_out
        counts += np.bincount(place, minlength=len(counts))
        for sums, tokens in ((true_in, tokens_in), (true_out, tokens_out)):
            # floats, and exact: up to 2^20 requests of less than 2^31 tokens in a cell
            in_all = np.bincount(place, weights=tokens, minlength=len(counts)).reshape(-1, wide)
            sums += in_all[:-1, :-1].astype(np.int64)
    table = counts.reshape(-1, wide)
    cells = [
        Cell(
            input_tokens=bins.inputs[row],
            output_tokens=bins.outputs[column],
            requests=int(table[row, column]),
            true_input_tokens=int(true_in[row, column]),
            true_output_tokens=int(true_out[row, column]),
        )
        for row, column in np.argwhere(table[:-1, :-1])
    ]
    return Binned(
        bins=bins,
        cells=tuple(cells),
        beyond_input=int(table[-1, :-1].sum()),
        beyond_output=int(table[:-1, -1].sum()),
        beyond_both=int(table[-1, -1]),
        input_tokens=int(true_in.sum()),
        output_tokens=int(true_out.sum()),
    )


def parsed(text: str, option: str) -> tuple[int, ...]:
    """Bins that were typed as `32,128,512`.

    Raises:
        ConfigurationError: A part is no whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    wrong = next((part for part in parts if not (part.isascii() and part.isdecimal() and len(part) < 10)), None)
    if wrong is not None:
        raise ConfigurationError(f"{option} has {wrong!r}; it takes whole numbers with commas between, as 32,128,512")
    return tuple(int(part) for part in parts)


def chosen(name: str, inputs: Sequence[int] | None = None, outputs: Sequence[int] | None = None) -> Bins:
    """The bins that a user asked for.

    Args:
        name: `printed`, `powers`, or a JSON file {"inputs": [32, ...], "outputs": [8, ...]}.
        inputs: Instead of the input bins of `name`.
        outputs: Instead of its output bins.

    Raises:
        ConfigurationError: No such name or file, or bins that do not rise.
    """
    bins = NAMED[name] if name in NAMED else _from_file(name)
    return Bins(inputs=tuple(inputs or bins.inputs), outputs=tuple(outputs or bins.outputs))


def _from_file(name: str) -> Bins:
    from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, from_json, read_file

    try:
        return from_json(read_file(Path(name), MOST_TABLE_BYTES), Bins)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"the bins {name!r} are neither printed nor powers nor a file that can be read ({why})"
        ) from error
    except Refused as error:
        raise ConfigurationError(
            f'{name} holds no bins ({error}); needed is {{"inputs": [32, 128], "outputs": [8, 64]}}'
        ) from error
