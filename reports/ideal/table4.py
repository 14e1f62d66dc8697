"""Table 4 of "Energy Considerations of LLM Inference" (arXiv 2504.17674): excess over the ideal, and what follows from it.

The paper prints how far PyTorch and vLLM are above its idealised energy, and what vLLM saves. The second follows from
the first: 1 - (1 + vLLM) / (1 + PyTorch). Our arithmetic has to give the printed savings from the printed excesses.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.published import FIGURES, Published


@dataclass(frozen=True, kw_only=True)
class Row:
    """One workload. Shares, not percent: 0.73 is 73 %."""

    workload: str
    pytorch_excess: float
    vllm_excess: float
    published_saving: float

    @property
    def saving(self) -> float:
        """What vLLM saves of PyTorch's energy."""
        return saving(self.pytorch_excess, self.vllm_excess)


def excess(measured_j: float, ideal_j: float) -> float:
    """How far above the ideal, as a share of it: 0 at the ideal.

    >>> excess(3.0, 2.0)
    0.5
    """
    return measured_j / ideal_j - 1.0


def saving(before: float, after: float) -> float:
    """What is saved by going from one excess over the same ideal to another, as a share of the first one's energy."""
    return 1.0 - (1.0 + after) / (1.0 + before)


def table4() -> tuple[Row, ...]:
    """The published rows with our savings."""
    before, after, saved = (
        _ratios(FIGURES[name])
        for name in ("transformers over the ideal", "vllm over the ideal", "vllm against transformers")
    )
    return tuple(
        Row(
            workload=name,
            pytorch_excess=before[name] - 1,
            vllm_excess=after[name] - 1,
            published_saving=1 - saved[name],
        )
        for name in saved
    )


def _ratios(published: Published) -> dict[str, float]:
    return {value.where: value.ratio for value in published.values}
