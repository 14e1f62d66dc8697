"""Cases that are equal but for one thing, side by side: which pairs there are along an axis. Pure.

Scenario without the axis's fields ─► group ─► the first one in run order is what the others are held against
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from energy_fixtures.records import Environment, Result, Scenario
from reports.compare.rows import boards_of


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One thing in which cases may differ.

    Attributes:
        fields: What a Scenario says of it, left out before Scenarios are compared.
        engine: Facts of a loaded engine that follow from it, taken as equal.
        value: Where on the axis a case lies, in words.
    """

    name: str
    fields: frozenset[str]
    engine: tuple[str, ...]
    value: Callable[[Scenario, Environment | None], str]

    def group(self, result: Result) -> str | None:
        """Equal for cases that differ in nothing else; None for a plain function, which lies on no axis."""
        if result.scenario is None:
            return None
        said = msgspec.to_builtins(result.scenario)  # without some of its fields it may be no scenario that can be
        rest = {name: value for name, value in said.items() if name not in self.fields}
        return f"{result.question} {msgspec.json.encode(rest, order='deterministic').decode()}"

    def level(self, then: Environment, now: Environment) -> Environment:
        """`now` as if the axis did not exist, so that what it changes by itself is no reason to refuse a pair."""
        engine = {**now.engine, **{name: then.engine[name] for name in self.engine if name in then.engine}}
        return msgspec.structs.replace(now, engine=engine)


def _framework(scenario: Scenario, where: Environment | None) -> str:
    options = (f"{name}={value}" for name, value in scenario.engine_options.items())
    return " ".join((scenario.engine, scenario.execution.replace("_", " "), *options))


def _decoding(scenario: Scenario, where: Environment | None) -> str:
    said = msgspec.structs.asdict(scenario.decoding)
    method = said.pop("method")
    parts = [method, *(f"{name} {value}" for name, value in said.items() if value is not None)]
    if scenario.speculation is not None:
        parts.append(f"+ {scenario.speculation.method} ahead by {scenario.speculation.num_tokens}")
    return " ".join(parts)


def _batch(scenario: Scenario, where: Environment | None) -> str:
    return f"b{scenario.batch_size}"


def _gpu(scenario: Scenario, where: Environment | None) -> str:
    return "unknown" if where is None else boards_of(where)


# an engine's execution modes and options have no counterpart in another engine
_STACK = frozenset({"engine", "execution", "engine_options"})
_CHOICE = frozenset({"decoding", "speculation"})

AXES: Mapping[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis(name="framework", fields=_STACK, engine=("framework",), value=_framework),
        Axis(name="decoding", fields=_CHOICE, engine=(), value=_decoding),
        Axis(name="batch", fields=frozenset({"batch_size"}), engine=(), value=_batch),
        Axis(name="gpu", fields=frozenset(), engine=(), value=_gpu),
    )
}
