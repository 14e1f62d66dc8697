"""Workloads drawn to match published figures, for whoever does not have the trace. Never a recording, always labelled.

A length is a quantile function of a share in [0, 1]: its logarithm rises linearly between the quantiles below, which
`tools/fit_workloads.py` finds from the published figures. Draws are stratified, one from each of n equal shares and then
shuffled, so that also a few hundred requests have nearly the published mean, spread and tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energy_fixtures.workloads.lengths import Lengths, Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARES_WITH_P99 = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
SHARES_WITH_MAX = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
DOUBT = "drawn to match published figures, not recorded; input and output lengths are drawn independently of each other"


@dataclass(frozen=True, kw_only=True)
class Published:
    """Tokens of one side of a workload as printed in its source; None where the source has no figure.

    `sd` is 0 where every request has `mean` tokens.
    """

    mean: float
    sd: float
    median: float | None = None
    p99: float | None = None
    largest: int | None = None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One side of a generator: what was published, and the quantiles that have these figures.

    `quantiles` are the tokens at the shares of `shares`, never falling; a constant length has none. `ceiling` is the
    longest length that the fit may reach, in tokens.
    """

    published: Published
    ceiling: float
    quantiles: tuple[float, ...] = ()

    @property
    def shares(self) -> tuple[float, ...]:
        """Where the quantiles stand: closer in the tail that was published."""
        return SHARES_WITH_MAX if self.published.p99 is None else SHARES_WITH_P99


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A generator: the workload it stands for, and its two sides."""

    stands_for: str
    input: Curve
    output: Curve


def _always(tokens: int) -> Curve:
    return Curve(published=Published(mean=tokens, sd=0.0, largest=tokens), ceiling=tokens)


# Published figures: "Energy Considerations of LLM Inference", Tables 1 to 3. The paper prints neither the largest output
# nor, for the traces, the largest input: 7,999 and 7,743 are what others counted in the Azure files of 2024 (not checked
# here), the remaining ceilings are assumptions.
RECIPES: dict[str, Recipe] = {
    "burstgpt-like": Recipe(
        stands_for="BurstGPT",
        input=Curve(
            published=Published(mean=256.80, sd=242.27, median=215, p99=1038),
            ceiling=4096,
            quantiles=(22.99, 68.63, 83.47, 111.31, 215.0, 259.39, 485.03, 779.76, 1038.0, 2265.44, 2820.33),
        ),
        output=Curve(
            published=Published(mean=35.10, sd=108.59, median=7, p99=478),
            ceiling=4096,
            quantiles=(1.0, 1.0, 1.0, 2.06, 7.0, 24.17, 70.99, 124.03, 478.0, 1086.55, 2979.26),
        ),
    ),
    "azure-chat-like": Recipe(
        stands_for="Azure chat",
        input=Curve(
            published=Published(mean=1631.58, sd=1529.64, median=928, p99=6683),
            ceiling=7999,
            quantiles=(56.95, 231.55, 321.57, 574.59, 928.0, 2416.73, 3849.96, 4682.31, 6683.0, 7991.0, 7999.0),
        ),
        output=Curve(
            published=Published(mean=105.51, sd=158.25, median=41, p99=694),
            ceiling=2048,
            quantiles=(1.0, 5.58, 8.83, 19.78, 41.0, 141.43, 262.76, 341.95, 694.0, 1497.83, 1964.59),
        ),
    ),
    "azure-code-like": Recipe(
        stands_for="Azure code",
        input=Curve(
            published=Published(mean=2511.28, sd=2133.54, median=1930, p99=7685),
            ceiling=7743,
            quantiles=(269.59, 696.24, 809.31, 998.84, 1930.0, 2400.72, 7350.18, 7677.32, 7685.0, 7735.26, 7743.0),
        ),
        output=Curve(
            published=Published(mean=22.69, sd=74.78, median=8, p99=271),
            ceiling=4096,
            quantiles=(1.0, 1.0, 1.13, 2.69, 8.0, 15.78, 39.16, 67.73, 271.0, 809.39, 2465.75),
        ),
    ),
    "translation-like": Recipe(
        stands_for="translation (WMT-14)",
        input=Curve(
            published=Published(mean=49.96, sd=39.39, largest=550),
            ceiling=550,
            quantiles=(3.98, 7.84, 13.18, 27.76, 43.86, 60.98, 99.89, 150.55, 550.0),
        ),
        output=_always(64),
    ),
    "generation-like": Recipe(
        stands_for="generation (Wikitext-2)",
        input=Curve(
            published=Published(mean=136.89, sd=93.13, largest=547),
            ceiling=547,
            quantiles=(14.87, 26.94, 40.84, 73.69, 111.05, 168.35, 310.12, 476.46, 547.0),
        ),
        output=_always(64),
    ),
    "classification-like": Recipe(
        stands_for="classification (IMDB)",
        input=Curve(
            published=Published(mean=292.48, sd=239.94, largest=3112),
            ceiling=3112,
            quantiles=(21.35, 42.83, 72.15, 152.69, 247.11, 359.17, 615.85, 959.02, 3112.0),
        ),
        output=_always(1),
    ),
    "summarisation-like": Recipe(
        stands_for="summarisation (CNN-DailyMail)",
        input=Curve(
            published=Published(mean=838.49, sd=400.70, largest=2386),
            ceiling=2386,
            quantiles=(170.12, 263.57, 359.99, 559.92, 756.92, 1015.39, 1562.53, 2148.87, 2386.0),
        ),
        output=_always(64),
    ),
}


def draw(name: str, requests: int, seed: int) -> Lengths:
    """So many requests of the generator `name`; without arrivals, which are a choice of their own.

    Args:
        name: A key of `RECIPES`.
        requests: How many, >= 1.
        seed: Equal seeds give equal requests, with equal versions of NumPy.

    Raises:
        ValueError: `requests` < 1.
    """
    import numpy as np

    if requests < 1:
        raise ValueError(f"requests is at least 1, got {requests}")
    recipe = RECIPES[name]
    random = np.random.Generator(np.random.PCG64([seed, *name.encode()]))
    return Lengths(
        input_tokens=_tokens(recipe.input, requests, random),
        output_tokens=_tokens(recipe.output, requests, random),
        arrival_s=None,
        provenance=Provenance(name=name, kind="synthetic", synthetic=True, rows_read=requests, doubts=(DOUBT,)),
    )


def _tokens(curve: Curve, requests: int, random: np.random.Generator) -> NDArray[np.int32]:
    import numpy as np

    if not curve.quantiles:
        return np.full(requests, round(curve.published.mean), dtype=np.int32)
    at = (np.arange(requests) + random.random(requests)) / requests
    if curve.published.largest is not None and requests > 1:
        at[-1] = 1.0  # where the largest is published, it is among them
    drawn = np.exp(np.interp(at, curve.shares, np.log(curve.quantiles)))
    random.shuffle(drawn)
    tokens: NDArray[np.int32] = np.maximum(1, np.rint(drawn)).astype(np.int32)
    return tokens
