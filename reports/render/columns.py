"""Columns of figures: which metrics a table shows, with one SI prefix down the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from energy_fixtures.metrics import METRICS, Metric, headline, own_error
from energy_fixtures.records import Result
from energy_fixtures.units import scale_of, significant
from reports.statistics import Summary, summarise

UNKNOWN = "—"

SHORT = {
    "joules_per_output_token": "energy per\noutput token",
    "prefill_joules_per_input_token": "prefill",
    "decode_joules_per_output_token": "decode",
    "host_joules_per_output_token": "host",
    "net_joules_per_output_token": "net per\noutput token",
    "joules_per_iteration": "energy per\niteration",
    "joules_per_request": "energy per\nrequest",
    "joules_per_accepted_token": "per accepted\ntoken",
    "avg_power_w": "power",
    "window_s": "window",
    "ttft": "TTFT",
    "tpot": "TPOT",
    "e2el": "E2EL",
    "output_throughput": "output",
    "acceptance_rate": "acceptance",
    "gap_to_ideal": "gap to\nideal",
    "prefill_gap_to_ideal": "prefill gap\nto ideal",
    "decode_gap_to_ideal": "decode gap\nto ideal",
}
"""What stands above the unit; other metrics stand there by their own name."""

PHASES = ("prefill_joules_per_input_token", "decode_joules_per_output_token")
HOST = "host_joules_per_output_token"
PER_TOKEN = (
    "joules_per_output_token",
    *PHASES,
    HOST,
    "joules_per_request",
    "avg_power_w",
    "ttft",
    "tpot",
    "output_throughput",
)
TOLD_BY_OTHERS = ("joules_per_request", "tpot", "ttft", "avg_power_w", "output_throughput")
"""Left out where there is no room, in this order: they can be told from the rest, or say nothing of energy."""

SHORT_WITHOUT = 3  # of TOLD_BY_OTHERS
PER_CALL = ("joules_per_iteration", "avg_power_w", "window_s")


def default_metrics(results: Sequence[Result], *, short: bool = False) -> tuple[Metric, ...]:
    """What is shown when nobody names columns: per token, per call, or both where a table holds both.

    `short` leaves out what can be told from the rest, so that a comparison has room.
    """
    judged = {headline(result).name for result in results}
    names: tuple[str, ...] = PER_TOKEN if "joules_per_output_token" in judged else ()
    names += PER_CALL if "joules_per_iteration" in judged else ()
    extra = [name for name in (*PHASES, HOST) if any(METRICS[name].values(result) for result in results)]
    if short:
        extra = [name for name in extra if name != HOST]
    # a column that is not always there takes another one's place, so that tables stay narrow
    left_out = {*TOLD_BY_OTHERS[: len(extra) + (SHORT_WITHOUT if short else 0)], *PHASES, HOST}.difference(extra)
    return tuple(METRICS[name] for name in dict.fromkeys(names) if name not in left_out)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of several results, printed with one prefix. `summaries` follows the results; None where unknown."""

    metric: Metric
    summaries: tuple[Summary | None, ...]
    factor: float
    prefix: str

    @classmethod
    def of(cls, metric: Metric, results: Sequence[Result], level: float) -> Column:
        """Summarise and choose the prefix that suits the middle of the column."""
        values = [(metric.values(result), own_error(metric, result)) for result in results]
        summaries = tuple(summarise(sample, level, own_error=error) if sample else None for sample, error in values)
        centers = [abs(summary.center) for summary in summaries if summary is not None]
        factor, prefix = scale_of(median(centers), metric.unit) if centers else (1.0, "")
        return cls(metric=metric, summaries=summaries, factor=factor, prefix=prefix)

    @property
    def empty(self) -> bool:
        """Whether nothing is known in the whole column."""
        return not any(self.summaries)

    @property
    def unit(self) -> str:
        """Prefix and unit; empty for a pure number."""
        return "" if self.metric.unit == "1" else f"{self.prefix}{self.metric.unit}"

    @property
    def heading(self) -> str:
        """Name above unit."""
        return "\n".join(part for part in (SHORT.get(self.metric.name, self.metric.name), self.unit) if part)

    def value(self, row: int) -> str:
        """The mean alone."""
        return figure(self.summaries[row], self.factor)

    def spread(self, row: int) -> str:
        """The mean with its interval as a percentage."""
        return figure_with_spread(self.summaries[row], self.factor)


def figure(summary: Summary | None, factor: float) -> str:
    """The mean in units of `factor`, or an em dash."""
    return UNKNOWN if summary is None else significant(summary.center / factor)


def figure_with_spread(summary: Summary | None, factor: float) -> str:
    """The mean ± half of its interval in percent; `± ?` where too few trials give none."""
    if summary is None:
        return UNKNOWN
    if summary.half_width is None or not summary.center:
        return f"{figure(summary, factor)} ± ?"
    return f"{figure(summary, factor)} ± {percent(100 * summary.half_width / abs(summary.center))} %"


def percent(value: float) -> str:
    """One decimal below ten, none above.

    >>> percent(2.34), percent(23.4)
    ('2.3', '23')
    """
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
