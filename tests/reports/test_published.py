"""Published figures agree with each other and are printed as facts of others."""

from __future__ import annotations

import pytest

from reports.published import FIGURES, FINDINGS, Published, Value, alike


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


@pytest.mark.parametrize(
    ("figure", "board", "workload", "near"),
    [
        ("compiled against eager", "NVIDIA A100-SXM4-80GB", None, "-29.90 %"),
        ("compiled against eager", "NVIDIA A100 80GB PCIe", None, "-29.90 %"),
        ("compiled against eager", "NVIDIA RTX 6000 Ada Generation", None, "-13.28 %"),
        ("compiled against eager", "NVIDIA H100 80GB HBM3", None, "-29.90 to -1.96 %"),
        ("compiled against eager", None, None, "-29.90 to -1.96 %"),
        ("vllm against transformers", "NVIDIA H200", "burstgpt-like", "-73.00 %"),
        ("vllm against transformers", "NVIDIA H200", "azure-code-like", "-37.58 %"),
        ("vllm against transformers", None, "azure-conv", "-72.18 %"),
        ("vllm against transformers", "NVIDIA RTX A6000", "my-own.csv", "-73.00 to -37.58 %"),
        ("tp2 energy", "NVIDIA H200", None, "+29.3 %"),
    ],
)
def test_the_figure_of_this_board_or_workload_is_the_nearest(
    figure: str, board: str | None, workload: str | None, near: str
) -> None:
    """Of several figures the one that is of the same board or workload; the range where none is."""
    assert FIGURES[figure].nearest(board, workload) == near


@pytest.mark.parametrize(
    ("published", "here", "same"),
    [
        ("L4", "NVIDIA L4", True),
        ("L4", "NVIDIA L40S", False),
        ("RTX A6000", "NVIDIA RTX A6000", True),
        ("RTX A6000", "NVIDIA RTX 6000 Ada Generation", False),
        ("A100 80GB", "NVIDIA A100-SXM4-40GB", False),
        ("Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct", True),
        ("Llama-3.1-8B", "shape:llama-3.2-1b", False),
    ],
)
def test_names_are_alike_by_whole_words(published: str, here: str, same: bool) -> None:
    """A board whose name begins with another's is another board."""
    assert alike(published, here) == same
