"""Published figures agree with each other and are printed as facts of others."""

from __future__ import annotations

import pytest

from reports.published import FIGURES, FINDINGS, Published, Value


@pytest.mark.parametrize(
    ("where", "transformers", "vllm"),
    [("BurstGPT", 506.52, 63.75), ("Azure code", 102.79, 26.59), ("Azure conversation", 490.23, 64.22)],
)
def test_savings_follow_from_the_excess_over_the_ideal(where: str, transformers: float, vllm: float) -> None:
    """Table 4's saving of vLLM is one minus the ratio of the two excesses that stand beside it, to its last digit."""
    (value,) = (one for one in FIGURES["vllm against transformers"].values if one.where == where)
    for engine, percent in (("transformers", transformers), ("vllm", vllm)):
        (excess,) = (one for one in FIGURES[f"{engine} over the ideal"].values if one.where == where)
        assert excess.ratio == pytest.approx(1 + percent / 100)

    assert value.ratio == pytest.approx((1 + vllm / 100) / (1 + transformers / 100), abs=6e-5)


def test_every_figure_names_its_source_and_says_published() -> None:
    """Nobody can take a reference for something measured here: it says where it is from, paper by number."""
    assert all(figure.values for figure in FIGURES.values())
    for figure in [*FIGURES.values(), *(finding for findings in FINDINGS.values() for finding in findings)]:
        assert figure.sentence.startswith("published: ")
        assert "arXiv 25" in figure.source


@pytest.mark.parametrize(
    ("values", "printed", "short"),
    [
        ([0.27], "change", "-73.00 %"),
        ([0.701, 0.9804], "change", "-29.90 to -1.96 %"),
        ([1.5424], "change", "+54.24 %"),
        ([2.19], "factor", "2.19x"),
        ([2.19, 0.08 / 0.0137], "factor", "2.19 to 5.84x"),
    ],
)
def test_figures_are_printed_with_the_papers_digits(values: list[float], printed: str, short: str) -> None:
    """One figure as it stands in the paper, several as their range."""
    figure = Published(
        says="a against b",
        values=tuple(Value(ratio=value) for value in values),
        source="arXiv 2500.00000",
        printed=printed,  # type: ignore[arg-type]
    )

    assert figure.short == short
