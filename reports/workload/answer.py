"""Everything that `joules workload` says, as one record: the same for the terminal and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from energy_fixtures.workloads.bins import Binned, Bins, Cell, bin_lengths
from energy_fixtures.workloads.downloads import DOWNLOADS
from energy_fixtures.workloads.lengths import Lengths
from energy_fixtures.workloads.synthetic import RECIPES, Published
from reports.workload.summary import Summary, summarise


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a synthetic workload was drawn to match: the published figures of both sides."""

    stands_for: str
    input: Published
    output: Published


@dataclass(frozen=True, kw_only=True)
class InCells:
    """A workload in cells. Inflations are binned over true tokens of the kept requests, None where none was kept."""

    input_bins: tuple[int, ...]
    output_bins: tuple[int, ...]
    cells: tuple[Cell, ...]
    cells_possible: int
    kept: int
    beyond_input: int
    beyond_output: int
    beyond_both: int
    input_tokens: int
    binned_input_tokens: int
    input_inflation: float | None
    output_tokens: int
    binned_output_tokens: int
    output_inflation: float | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A workload, where it comes from, its figures and its cells.

    `synthetic` is true where the requests were drawn by a generator; `reference` then holds what was published.
    `published_as` names the published file with this checksum, None where it is none that is known.
    """

    workload: str
    kind: str
    synthetic: bool
    rows_read: int
    left_out: Mapping[str, int]
    sha256: str | None
    unpacked_sha256: str | None
    published_as: str | None
    doubts: tuple[str, ...]
    summary: Summary
    binned: InCells
    reference: Reference | None


def answer(lengths: Lengths, bins: Bins) -> Answer:
    """Look at a workload through some bins."""
    source = lengths.provenance
    recipe = RECIPES.get(source.name) if source.synthetic else None
    return Answer(
        workload=source.name,
        kind=source.kind,
        synthetic=source.synthetic,
        rows_read=source.rows_read,
        left_out=dict(source.left_out),
        sha256=source.sha256,
        unpacked_sha256=source.unpacked_sha256,
        published_as=_published(source.unpacked_sha256 or source.sha256),
        doubts=source.doubts,
        summary=summarise(lengths),
        binned=_in_cells(bin_lengths(lengths, bins)),
        reference=None
        if recipe is None
        else Reference(stands_for=recipe.stands_for, input=recipe.input.published, output=recipe.output.published),
    )


def _published(sha256: str | None) -> str | None:
    return next((name for name, one in DOWNLOADS.items() if sha256 is not None and one.sha256 == sha256), None)


def _in_cells(binned: Binned) -> InCells:
    return InCells(
        input_bins=binned.bins.inputs,
        output_bins=binned.bins.outputs,
        cells=binned.cells,
        cells_possible=binned.possible,
        kept=binned.kept,
        beyond_input=binned.beyond_input,
        beyond_output=binned.beyond_output,
        beyond_both=binned.beyond_both,
        input_tokens=binned.input_tokens,
        binned_input_tokens=binned.binned_input_tokens,
        input_inflation=binned.input_inflation,
        output_tokens=binned.output_tokens,
        binned_output_tokens=binned.binned_output_tokens,
        output_inflation=binned.output_inflation,
    )
