"""Requests of a workload as they are, each with lengths of its own: what binning the same requests is checked against.

    workload ─► its first N ─► those that the last bins hold ─► batches of B in order of arrival     the exact replay
               in order of  └► longer ones: in neither,      └► cells of its bins                    what it checks
               arrival         and counted

The Scenario says B and which bins are the last ones, the Mix whose bins they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.record import Record, need
from energy_fixtures.workloads.bins import NAMED, Binned, Bins, bin_lengths

SEEDS = 1 << 32
"""Of the generators: a Scenario's seed may be below 0, theirs may not."""


class Mix(Record, frozen=True, kw_only=True):
    """The first `requests` of a workload in order of arrival.

    `workload` None stands for the session's `--energy-workload`; a stored Result names a file without its folder, with a
    digest of its content. `bins` is `printed` (the paper's list) or `powers` (its formula).
    """

    requests: int
    workload: str | None = None
    bins: str = "printed"

    def __post_init__(self) -> None:
        need(self.bins in NAMED, f"bins are {' or '.join(NAMED)}", self.bins)
        need(self.requests >= 1, "requests must be >= 1", self.requests)


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """A Mix that was read.

    Attributes:
        lengths: Input and output tokens of each request that is kept, in order of arrival; at least one.
        binned: The same requests in cells, and how many are in none because they are longer than the last bin.
        synthetic: Drawn by a generator, not recorded.
        source: The workload's name, or the file's with the beginning of its SHA-256; never its folder.
    """

    lengths: tuple[tuple[int, int], ...]
    binned: Binned
    synthetic: bool
    source: str


@lru_cache(maxsize=8)  # each round asks again, and a trace takes seconds to read
def read_mix(mix: Mix, seed: int, most_input: int, most_output: int) -> Mixed:
    """The requests of a Mix, equal in every round.

    Args:
        mix: With its workload named.
        seed: Of a generator's draws.
        most_input, most_output: The last bins in tokens; longer requests are left out, as the bins leave them out.

    Raises:
        ConfigurationError: The workload cannot be read, holds fewer requests, or none of them is short enough.
    """
    from energy_fixtures.workloads.catalogue import workload  # NumPy, for those who measure a workload

    assert mix.workload is not None  # scenarios.py has named it
    lengths = workload(mix.workload, mix.requests, seed % SEEDS)
    sides = zip(lengths.input_tokens.tolist(), lengths.output_tokens.tolist(), strict=True)
    kept = tuple((given, made) for given, made in sides if given <= most_input and made <= most_output)
    if not kept:
        raise ConfigurationError(
            f"none of the first {mix.requests:,} requests of {mix.workload} fits into {most_input} + {most_output} tokens;"
            " take another workload, or allow longer ones in the case"
        )
    digest = lengths.provenance.sha256
    return Mixed(
        lengths=kept,
        binned=bin_lengths(lengths, up_to(NAMED[mix.bins], most_input, most_output)),
        synthetic=lengths.synthetic,
        source=lengths.provenance.name if digest is None else f"{Path(mix.workload).name}@{digest[:8]}",
    )


def up_to(bins: Bins, most_input: int, most_output: int) -> Bins:
    """The same bins as far as these lengths, which are the last ones.

    >>> up_to(NAMED["printed"], 300, 16)
    Bins(inputs=(32, 128, 256, 300), outputs=(8, 16))
    """
    return Bins(
        inputs=(*(one for one in bins.inputs if one < most_input), most_input),
        outputs=(*(one for one in bins.outputs if one < most_output), most_output),
    )


def batches(lengths: tuple[tuple[int, int], ...], size: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """So many requests at a time, in their order; the last batch has what is left.

    >>> batches(((1, 1), (2, 2), (3, 3)), 2)
    (((1, 1), (2, 2)), ((3, 3),))
    """
    return tuple(lengths[start : start + size] for start in range(0, len(lengths), size))
