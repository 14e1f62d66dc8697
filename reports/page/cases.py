"""Results with their means, and in which words their scenarios are told apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from energy_fixtures.metrics import METRICS, headline, own_error
from energy_fixtures.records import Environment, Result, Scenario
from reports.compare.rows import boards_of
from reports.compare.side_by_side import AXES
from reports.ideal.gap import GAP
from reports.metrics import named
from reports.page.figure import Cell
from reports.statistics import Summary, summarise

PER_TOKEN = "joules_per_output_token"
PER_CALL = "joules_per_iteration"
FIGURES = (
    PER_TOKEN,
    PER_CALL,
    "joules_per_request",
    "prefill_joules_per_input_token",
    "decode_joules_per_output_token",
    "net_joules_per_output_token",
    "avg_power_w",
    "ttft",
    "tpot",
    "e2el",
    "output_throughput",
    "acceptance_rate",
)
"""Metrics of which each case has a mean on the page, beside its gap to the ideal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """One run.

    Attributes:
        name: Of the run.
        label: In few words, and unlike those of the other sources.
        results, environments: As in its file.
    """

    name: str
    label: str
    results: tuple[Result, ...]
    environments: Mapping[str, Environment]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One result of one source. `means` holds what is known, by metric; `name` tells it from all others on the page."""

    name: str
    source: Source
    result: Result
    environment: Environment | None
    means: Mapping[str, Summary]
    level: float

    @property
    def scenario(self) -> Scenario | None:
        """Of the result; None for a plain function."""
        return self.result.scenario

    def center(self, metric: str) -> float | None:
        """The mean, None where unknown."""
        return self.means[metric].center if metric in self.means else None

    def figure(self, metric: str) -> dict[str, Cell]:
        """Mean, ends of its interval and how many windows it is of, as cells."""
        mean = self.means.get(metric)
        return {
            "mean": None if mean is None else mean.center,
            "low": None if mean is None else mean.low,
            "high": None if mean is None else mean.high,
            "windows": None if mean is None else mean.n,
        }

    @cached_property
    def plain_scenario(self) -> dict[str, Any]:
        """The scenario as builtins, empty for a plain function."""
        return {} if self.scenario is None else msgspec.to_builtins(self.scenario)

    def without(self, fields: Sequence[str], *, question: bool = True) -> str:
        """A key that is equal for cases of one source which differ in nothing but these fields of their scenarios.

        Those of several questions have different keys, unless `question` is false.
        """
        rest = {name: value for name, value in self.plain_scenario.items() if name not in fields}
        said = [
            self.source.label,
            self.result.question if question else "",
            self.result.scope,
            self.result.method,
            rest,
        ]
        return hashlib.blake2b(msgspec.json.encode(said, order="deterministic"), digest_size=12).hexdigest()


def cases_of(sources: Sequence[Source], level: float, boards: Path | None = None) -> tuple[Case, ...]:
    """Every result of every source with its means and their intervals at `level`."""
    found = []
    names = iter(_names(sources))
    for source in sources:
        metrics = [*(METRICS[name] for name in FIGURES), named(GAP, source.environments, boards)]
        for result in source.results:
            means = {}
            for metric in metrics:
                values = metric.values(result)
                if values:
                    means[metric.name] = summarise(values, level, own_error=own_error(metric, result))
            if headline(result).name == PER_TOKEN:
                means.pop(PER_CALL, None)  # of a scenario it says nothing that another length would not change
            environment = source.environments.get(result.environment)
            found.append(
                Case(name=next(names), source=source, result=result, environment=environment, means=means, level=level)
            )
    return tuple(found)


def _names(sources: Sequence[Source]) -> list[str]:
    """A name for every result, in order: its case, with its question and run where these are needed."""
    known = [(result.case, result.question, source.label) for source in sources for result in source.results]
    names = [case for case, _, _ in known]
    if len({(case, question) for case, question, _ in known}) > len(set(names)):
        names = [f"{question}: {case}" for case, question, _ in known]
    return (
        [f"{name} · {label}" for name, (_, _, label) in zip(names, known, strict=True)] if len(sources) > 1 else names
    )


def framework(scenario: Scenario) -> str:
    """Engine, execution and options."""
    return AXES["framework"].value(scenario, None)


def decoding(scenario: Scenario) -> str:
    """How the next token is chosen, guessing ahead included."""
    return AXES["decoding"].value(scenario, None)


def _parallel(scenario: Scenario) -> str:
    ways = {"TP": scenario.tensor_parallel, "PP": scenario.pipeline_parallel, "DP": scenario.data_parallel}
    return " ".join(f"{name}{count}" for name, count in ways.items() if count > 1)


def _arrivals(scenario: Scenario) -> str:
    if scenario.arrivals is None:
        return ""
    rate = scenario.arrivals.request_rate
    return scenario.arrivals.process.replace("_", " ") + ("" if rate is None else f" {rate:g}/s")


def _most(scenario: Scenario) -> str:
    """A word before lengths that are only the longest ones."""
    return "mixed to " if scenario.mix is not None else ""


PARTS: Mapping[str, Callable[[Scenario], str]] = {
    "model": lambda scenario: scenario.model or "",
    "framework": framework,
    "decoding": decoding,
    "batch": lambda scenario: f"b{scenario.batch_size}",
    "lengths": lambda scenario: f"{_most(scenario)}{scenario.input_tokens} + {scenario.output_tokens} tokens",
    "input": lambda scenario: f"{_most(scenario)}{scenario.input_tokens} in",
    "output": lambda scenario: f"{_most(scenario)}{scenario.output_tokens} out",
    "format": lambda scenario: " ".join(
        part for part in (scenario.dtype, scenario.quantization) if part not in (None, "auto")
    ),
    "boards": _parallel,
    "arrivals": _arrivals,
}
"""What a scenario is told by, in reading order."""


def told_apart(scenarios: Sequence[Scenario], names: Sequence[str]) -> list[str]:
    """A label for each: those of the named parts in which they differ, and a number where that is not enough."""
    parts = [[PARTS[name](scenario) for scenario in scenarios] for name in names]
    differing = [words for words in parts if len(set(words)) > 1]
    labels = [" · ".join(word for word in words if word) for words in zip(*differing, strict=True)]
    labels = labels or [""] * len(scenarios)
    seen: dict[str, int] = {}
    told = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        told.append(label if seen[label] == 1 else f"{label} #{seen[label]}".strip())
    return [label or "same work" for label in told]


_WHEN = re.compile(r"_\d{8}_\d{6}(?=_|$)|_(?:[0-9a-f]{40}|[0-9a-f]{8})(?=_|$)|_uncommitted-changes$")
"""What a saved run's name holds beside its number and its own name: time, commit, state of the tree."""


def labels_of(names: Sequence[str], environments: Sequence[Mapping[str, Environment]]) -> list[str]:
    """What each run is called on the page: its boards where these tell the runs apart, else its number or name."""
    if len(names) == 1:
        return [names[0]]
    boards = [" + ".join(dict.fromkeys(boards_of(one) for one in known.values())) for known in environments]
    numbers = [_WHEN.sub("", name) for name in names]
    both = [f"{number} · {board}" for number, board in zip(numbers, boards, strict=True)]
    for found in (boards, numbers, both, list(names)):
        if len(set(found)) == len(found) and all(found):
            return found
    return [f"{label} #{number}" for number, label in enumerate(names, start=1)]
