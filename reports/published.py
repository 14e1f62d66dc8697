"""What papers have published of the questions that the suite asks: figures, their setting, their place. Facts only.

A figure is the energy (or time) of one way over that of another, as the report's own tables have it: below 1 is less.
It is printed as a labelled reference beside what was measured here, and never enters a computation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CONSIDERATIONS = "Energy Considerations of LLM Inference, arXiv 2504.17674"
PROMPTS = "From Prompts to Power, arXiv 2511.05597"

LLAMA = "Llama-3.1-8B"
BF16 = "bfloat16"

WORKLOADS: Mapping[str, str] = {
    "burstgpt-like": "BurstGPT",
    "azure-code-like": "Azure code",
    "azure-conv": "Azure conversation",
}
"""The suite's workloads by the names of the papers; the first two are drawn to match published moments."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One figure: new over old, under which circumstance where there are several, and the paper's decimals."""

    ratio: float
    where: str = ""
    decimals: int = 2


@dataclass(frozen=True, kw_only=True)
class Published:
    """Figures that belong together, or a finding without one.

    Attributes:
        says: What was compared and found, as the middle of a sentence.
        values: At least one for a figure, none for a finding.
        board, model, dtype, engine: The setting, None where the paper does not say, or where both sides are named.
        binned: Of whole workloads, summed over cells, instead of one length at one batch size.
        source: Paper and place.
        printed: `change` as a percentage more or less, `factor` as so many times.
    """

    says: str
    source: str
    values: tuple[Value, ...] = ()
    board: str | None = None
    model: str | None = None
    dtype: str | None = None
    engine: str | None = None
    binned: bool = False
    printed: Literal["change", "factor"] = "change"

    def one(self, value: Value) -> str:
        """A figure as the paper prints it."""
        if self.printed == "factor":
            return f"{value.ratio:.{value.decimals}f}x"
        return f"{100 * (value.ratio - 1):+.{value.decimals}f} %"

    @property
    def short(self) -> str:
        """The figure, or the range that its figures span."""
        low, high = (self.one(pick(self.values, key=lambda value: value.ratio)) for pick in (min, max))
        return low if low == high else f"{low.removesuffix(' %').removesuffix('x')} to {high}"

    def nearest(self, board: str | None, workload: str | None) -> str:
        """The one figure of this board or workload, or the range where none or several are of it.

        Args:
            board: As its driver names it. workload: As the suite names it.
        """
        name = WORKLOADS.get(workload or "")
        near = [one for one in self.values if one.where and (one.where == name or alike(one.where, board or ""))]
        return self.one(near[0]) if len(near) == 1 else self.short

    @property
    def sentence(self) -> str:
        """All of it, for a note."""
        values = ", ".join(f"{self.one(value)}{f' {value.where}' if value.where else ''}" for value in self.values)
        setting = ", ".join(part for part in (self.model, self.dtype, self.board) if part)
        figures = f": {values}" if values else ""
        return f"published: {self.says}{figures}{f'; {setting}' if setting else ''} ({self.source})"


def alike(published: str, here: str) -> bool:
    """Whether a board or model of a paper goes by this name here: all its words stand in it, whole.

    >>> alike("A100 80GB", "NVIDIA A100-SXM4-80GB"), alike("L4", "NVIDIA L40S")
    (True, False)
    """
    words, known = (re.split(r"[^a-z0-9.]+", name.lower()) for name in (published, here))
    return set(words) <= set(known)


def _saved(percent: float, where: str = "") -> Value:
    return Value(ratio=round(1 - percent / 100, 6), where=where)


def _more(percent: float, where: str = "", decimals: int = 2) -> Value:
    return Value(ratio=round(1 + percent / 100, 6), where=where, decimals=decimals)


FIGURES: Mapping[str, Published] = {
    "vllm against transformers": Published(
        says="vLLM (CUDA graphs) against Transformers without compilation, binned workloads at the largest batch",
        values=(_saved(73.00, "BurstGPT"), _saved(37.58, "Azure code"), _saved(72.18, "Azure conversation")),
        board="RTX A6000",
        model=LLAMA,
        dtype=BF16,
        binned=True,
        source=f"{CONSIDERATIONS}, Table 4",
    ),
    "transformers over the ideal": Published(
        says="energy of Transformers without compilation over the ideal, binned workloads at the largest batch",
        values=(_more(506.52, "BurstGPT"), _more(102.79, "Azure code"), _more(490.23, "Azure conversation")),
        board="RTX A6000",
        model=LLAMA,
        dtype=BF16,
        binned=True,
        engine="transformers",
        source=f"{CONSIDERATIONS}, Table 4",
    ),
    "vllm over the ideal": Published(
        says="energy of vLLM (CUDA graphs) over the ideal, binned workloads at the largest batch",
        values=(_more(63.75, "BurstGPT"), _more(26.59, "Azure code"), _more(64.22, "Azure conversation")),
        board="RTX A6000",
        model=LLAMA,
        dtype=BF16,
        binned=True,
        engine="vllm",
        source=f"{CONSIDERATIONS}, Table 4",
    ),
    "compiled against eager": Published(
        says="torch.compile against eager Transformers",
        values=(_saved(29.90, "A100 80GB"), _saved(13.28, "RTX 6000 Ada"), _saved(1.96, "RTX A6000")),
        model=LLAMA,
        dtype=BF16,
        engine="transformers",
        source=CONSIDERATIONS,
    ),
    "cuda graphs against eager": Published(
        says="vLLM with CUDA graphs against eager vLLM",
        values=(_saved(25.47, "A100 80GB"), _saved(2.97, "RTX A6000")),
        model=LLAMA,
        dtype=BF16,
        engine="vllm",
        source=CONSIDERATIONS,
    ),
    "speculation at batch 1": Published(
        says="a draft model with look-ahead 4 (a 1B, or for DeepSeek-R1-Distill-Qwen-32B a 1.5B) against none, batch 1 (up to)",
        values=(_saved(29.14),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "speculation at batch 128": Published(
        says="the same draft models against none, batch 128",
        values=(_more(25.65),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "batched against alone": Published(
        says="energy per prompt of batched deployments (OPT-125M, Llama-2-7b, DeepSeek-V3; the batch sizes are not stated)"
        " against one prompt alone",
        values=(
            Value(ratio=0.0015 / 0.0301, where="L4", decimals=1),
            Value(ratio=0.0145 / 0.2595, where="A100 40GB", decimals=1),
            Value(ratio=0.6912 / 56.9348, where="A100 80GB", decimals=1),
        ),
        engine="vllm",
        source=f"{PROMPTS}, Table IV",
    ),
    "moe against dense": Published(
        says="OLMoE-1B-7B against OLMo-1B (up to)",
        values=(_more(54.24),),
        model="OLMoE-1B-7B",
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "tp2 energy": Published(
        says="energy of two boards with tensor parallelism against one, batch 1",
        values=(_more(29.3, decimals=1),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "tp4 energy": Published(
        says="energy of four boards with tensor parallelism against one, batch 1",
        values=(_more(55.23),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "tp2 latency": Published(
        says="latency on two boards with tensor parallelism against one, batch 1",
        values=(_saved(40.16),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "tp4 latency": Published(
        says="latency on four boards with tensor parallelism against one, batch 1",
        values=(_saved(61.34),),
        model=LLAMA,
        dtype=BF16,
        source=CONSIDERATIONS,
    ),
    "P2 against P1": Published(
        says="energy per prompt of 900 + 100 tokens against 100 + 100",
        values=(Value(ratio=2.19, where="mean of all models"), Value(ratio=0.08 / 0.0137, where="OPT-30B")),
        board="A100 80GB",
        engine="vllm",
        source=PROMPTS,
        printed="factor",
    ),
    "P3 against P1": Published(
        says="energy per prompt of 100 + 900 tokens against 100 + 100",
        values=(Value(ratio=11.00, where="mean of all models"), Value(ratio=0.3 / 0.0137, where="OPT-30B")),
        board="A100 80GB",
        engine="vllm",
        source=PROMPTS,
        printed="factor",
    ),
    "P300 batch time": Published(
        says="time for 100 prompts of 300 + 300 tokens against one (29.4 s against 15.4 s)",
        values=(Value(ratio=29.4 / 15.4, decimals=1),),
        board="two nodes of 8 A100 80GB",
        model="Llama-3.1-405B",
        engine="vllm",
        source=PROMPTS,
        printed="factor",
    ),
}
"""By the name that `reports.papers` looks them up under."""

FINDINGS: Mapping[str, tuple[Published, ...]] = {
    "decoding": (
        Published(
            says="beam search and sampling differ little from greedy decoding",
            source=CONSIDERATIONS,
            model=LLAMA,
            dtype=BF16,
        ),
    ),
    "geometry": (
        Published(
            says="energy per prompt is linear or nearly linear in input and in output tokens",
            source=f"{PROMPTS}; decode: {CONSIDERATIONS}",
        ),
        Published(
            says="prefill energy is flat at short inputs and small batches and grows above 128 tokens at one rate for every"
            " batch size",
            source=CONSIDERATIONS,
            model=LLAMA,
            dtype=BF16,
        ),
    ),
    "serving": (
        Published(
            says="against the same requests offline, online continuous batching takes more energy at small batches and saves"
            " up to 5 % at large ones; no arrival process is described",
            source=CONSIDERATIONS,
            model=LLAMA,
            dtype=BF16,
        ),
    ),
    "quantisation": (
        Published(
            says="fewer bits save much only where memory is tight: on one L4, little on two",
            source=PROMPTS,
            board="L4",
            model=LLAMA,
            engine="vllm",
        ),
    ),
    "structure": (
        Published(
            says="linear in layers (variants of Gemma-7B and Llama-3-70B); flat between hidden sizes 384 and 1536, then"
            " rising; MQA < GQA < MHA (variants of Gemma-7B)",
            source=PROMPTS,
            board="A100 80GB",
            engine="vllm",
        ),
    ),
}
"""What was found without a figure of its own, by question."""
