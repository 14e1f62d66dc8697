"""Two boards through one workload that ran on both: what a case takes over what the control takes, board by board. Pure.

    case on B / control on B   ─┐
                                ├─►  their quotient: 1.0 where the case moved from board to board as the control did
    case on A / control on A   ─┘

Sensors of two boards differ by some percent (arXiv 2312.02741), and so do the machines around them. What is the same for every
workload of a board cancels in the quotient; that the case likes one board better than the control does is what remains.
It is a figure beside the plain ratio, always labelled, and never a verdict.
"""

from __future__ import annotations

import fnmatch
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import Metric, nearest
from energy_fixtures.records import Environment, Result
from energy_fixtures.units import shortened
from reports.compare.rows import Asked, Change, Row
from reports.comparison import Around, Pair, State, hold, own_share, scenario_differences
from reports.explain.parts import Noise
from reports.metrics import named
from reports.noise import Between
from reports.statistics import Ratio, quantile

MOST_NAMES = 5
LONGEST_NAME = 60


class Cases(Protocol):
    """A run: its name, its cases by full name."""

    @property
    def name(self) -> str:
        """Of the run."""

    @property
    def names(self) -> Sequence[str]:
        """Full names of its cases."""

    def result(self, name: str) -> Result:
        """The case of that full name."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """The workload that ran on both boards, as a pair of its results: old board and new."""

    pair: Pair

    @property
    def case(self) -> str:
        """Its name in labels."""
        return self.pair.candidate.case

    @property
    def label(self) -> str:
        """What stands above the figures."""
        return f"relative to control {shortened(self.case, LONGEST_NAME)}"

    @property
    def sentence(self) -> str:
        """What the figures are, below them."""
        return (
            f"{self.label}: joules of a case over those of the control on the same board, this board against the other; what "
            "is the same for all workloads of a board cancels, and no verdict follows"
        )


def check_control(control: str | None, *, across_boards: bool, runs: int, by: str | None) -> None:
    """Refuse a control where it says nothing, before anything is read.

    Raises:
        ConfigurationError: Without --across-boards, without two runs, or along an axis.
    """
    if control is None:
        return
    if not across_boards:
        raise ConfigurationError(
            f"--control {control} relates two boards to each other; add --across-boards, or leave it out on one board"
        )
    if runs != 2 or by is not None:
        raise ConfigurationError(f"--control {control} needs a run of each board; name two runs and leave --by out")


def find_control(
    asked: str, old: Cases, new: Cases, around: Callable[[Result, Result], Around], option: str = "--control"
) -> Control:
    """The control that both runs hold.

    Args:
        asked: Its full name, its name in the file, its case's id, or a glob (`*`, `?`) of one of these.
        old, new: A run of each board.
        around: What the environments of two results say of each other, across boards.
        option: How it was asked, for the sentence.

    Raises:
        ConfigurationError: None or several cases of both runs are meant, or it did not do the same on both boards, has no
            valid trial on one, or its joules are not of one kind.
    """
    name = _common(asked, old, new, option)
    past, candidate = old.result(name), new.result(name)
    if past.scenario is None or candidate.scenario is None:
        raise ConfigurationError(
            f"{option} {asked}: {name} is a plain function, of which nothing says that it does the same on both boards; "
            "name a case with a scenario"
        )
    pair = hold(past, candidate, around(past, candidate), scenario_differences(past.scenario, candidate.scenario))
    if pair.state is not State.COMPARED:
        why = "did other work" if pair.state is State.OTHER_WORKLOAD else "cannot be compared"
        raise ConfigurationError(
            f"{option} {asked}: {name} {why} on the two boards ({'; '.join(pair.differences)}); measure the same control on both"
        )
    return Control(pair=pair)


def relative(
    metric: Metric, pair: Pair, control: Control, level: float, between: Between | None = None
) -> Change | None:
    """How a case changed from one board to the other, over how the control did.

    Args:
        metric: One of joules; the same is asked of the control.
        pair: The case on both boards.
        level: Confidence in (0, 1).
        between: What two sessions differ by on their own; None not to count it.

    Returns:
        New over old, over the same of the control; 1.0 of the control itself. None where the pair is not compared, where the metric is not one of joules, which a control says
        nothing about, or where the control does not have it.
    """
    if pair.state is not State.COMPARED or pair.baseline is None or "J" not in metric.unit:
        return None
    if pair.candidate.fullname == control.pair.candidate.fullname:
        return Change(ratio=1.0, low=1.0, high=1.0)  # what is meant, and no measurement
    found = quotient(metric, pair, control.pair, level, between)
    if found is None:
        return None
    high = found.high if found.high is not None and math.isfinite(found.high) else None
    return Change(ratio=found.value, low=found.low, high=high)


def with_control(rows: Iterable[Row], control: Control, old: Cases, new: Cases, asked: Asked) -> Iterator[Row]:
    """The rows of two runs, those that are compared with what they say beside the control.

    Args:
        rows: Of `old` against `new`, rows of one case together.
        control: Of the same two runs.
        old, new: The runs, whose results are read once more.
        asked: What the rows were asked.
    """
    for fullname, some in itertools.groupby(rows, lambda row: row.fullname):
        pair: Pair | None = None
        for row in some:
            if row.state != State.COMPARED.value:
                yield row
                continue
            pair = pair or Pair(state=State.COMPARED, baseline=old.result(fullname), candidate=new.result(fullname))
            metric = named(row.metric, asked.environments)
            yield msgspec.structs.replace(row, relative=relative(metric, pair, control, asked.level, asked.between))


def quotient(metric: Metric, pair: Pair, control: Pair, level: float, between: Between | None = None) -> Ratio | None:
    """The ratio of two pairs' ratios, with the doubt of all four samples; None where one of them lacks the metric.

    The variances of the four logarithms of a mean add up, as in `reports.statistics.ratio`; degrees of freedom are Welch's.
    Never narrower than what the meters themselves may be off by. With `between`, what two sessions differ by is added by
    squares for either pair, though what is common to a session would cancel: how much is common is not known.
    """
    assert pair.baseline is not None and control.baseline is not None, "asked of pairs that are compared"
    samples = [metric.values(one) for one in (pair.candidate, pair.baseline, control.candidate, control.baseline)]
    if not all(samples):
        return None
    means = [math.fsum(values) / len(values) for values in samples]
    if min(means) <= 0:
        doubt = "a ratio needs means above 0"
        return Ratio(value=None, low=None, high=None, level=level, doubts=(doubt,))
    value = means[0] / means[1] / (means[2] / means[3])
    fewest = min(map(len, samples))
    if fewest < 2:
        doubt = f"a spread needs >= 2 valid trials, has {fewest}"
        return Ratio(value=value, low=None, high=None, level=level, doubts=(doubt,))
    errors = [_error(values, mean) for values, mean in zip(samples, means, strict=True)]
    spread = _welch(errors, [len(values) - 1 for values in samples], level)
    own = math.hypot(own_share(metric, pair), own_share(metric, control))
    two_days = None
    if between is not None:
        shares = [between.of(one.candidate.fullname) for one in (pair, control)]
        freedom = min(share.freedom for share in shares)
        two_days = replace(between, deviation=math.hypot(*(share.deviation for share in shares)), freedom=freedom)
    reach = Noise(level=level, own=own, between=two_days).reach(spread)
    high = value * math.exp(min(reach, 700.0))  # exp overflows at 709
    return Ratio(value=value, low=value * math.exp(-reach), high=high, level=level)


def on_its_boards(then: Environment, now: Environment) -> Environment:
    """`now` as if it were measured on the host and boards of `then`, with its domains: what is left are other differences.

    Domains may have other numbers there; that both meters measure, or both do not, is still asked.
    """
    meter = {**now.meter, **({"domains": then.meter["domains"]} if "domains" in then.meter else {})}
    return msgspec.structs.replace(now, boards=then.boards, host=then.host, meter=meter)


def _error(values: Sequence[float], mean: float) -> float:
    """Standard error of a mean as a share of it."""
    variance = math.fsum([(value / mean - 1) ** 2 for value in values]) / (len(values) - 1)
    return math.sqrt(variance / len(values))


def _welch(errors: Sequence[float], freedoms: Sequence[int], level: float) -> float:
    """Half of the interval of a sum with these standard errors."""
    largest = max(errors)
    if largest == 0:
        return 0.0
    shares = [(error / largest) ** 2 for error in errors]  # squares of tiny errors would vanish
    total = math.fsum(shares)
    freedom = total**2 / math.fsum(share**2 / free for share, free in zip(shares, freedoms, strict=True))
    return quantile(freedom, level) * largest * math.sqrt(total)


def _common(asked: str, old: Cases, new: Cases, option: str) -> str:
    """The one full name that is meant in both runs."""
    meant = [_meant(asked, run.names) for run in (old, new)]
    common = [name for name in meant[0] if name in set(meant[1])]
    if len(common) == 1:
        return common[0]
    if common:
        said = ", ".join(shortened(name, LONGEST_NAME) for name in common[:MOST_NAMES])
        more = f" and {len(common) - MOST_NAMES} more" if len(common) > MOST_NAMES else ""
        raise ConfigurationError(f"{option} {asked} fits {len(common)} cases of both runs ({said}{more}); name one")
    both = [name for name in old.names if name in set(new.names)]
    if not both:
        raise ConfigurationError(f"{option} {asked}: {old.name} and {new.name} have no case in common")
    where = f"only {(old if meant[0] else new).name} has it" if any(meant) else "neither run has it"
    offer = ", ".join(
        shortened(name, LONGEST_NAME) for name in nearest(asked, [_forms(one)[-1] for one in both], MOST_NAMES)
    )
    raise ConfigurationError(f"{option} {asked}: {where}; a control is a case of both runs, for example {offer}")


def _meant(asked: str, names: Sequence[str]) -> list[str]:
    """Full names that are `asked` in one of their forms; by glob where none is."""
    exact = [name for name in names if asked in _forms(name)]
    if exact:
        return exact
    pattern = asked.replace("[", "[[]")  # a bracket in a test's name is itself
    for form in (2, 1, 0):  # of all cases first by their ids: `b*` is not everything under benchmarks/
        found = [name for name in names if fnmatch.fnmatchcase(_forms(name)[form], pattern)]
        if found:
            return found
    return []


def _forms(name: str) -> tuple[str, str, str]:
    """A full name, the name inside its file, and the id in brackets, where there is none the name again.

    >>> _forms("benchmarks/test_x.py::test_x[vllm-b1]")
    ('benchmarks/test_x.py::test_x[vllm-b1]', 'test_x[vllm-b1]', 'vllm-b1')
    """
    inside = name.partition("::")[2] or name
    return name, inside, inside.partition("[")[2].removesuffix("]") or inside
