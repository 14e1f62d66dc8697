"""From a scenario file and `--set` to a Scenario; what is wrong with them is told in one sentence.

published defaults (v1 or v2)  <  scenario file  <  --set key=value  <  the command's own options
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, converted, from_toml, read_text
from energy_fixtures.metrics import nearest
from energy_fixtures.record import Record
from reports.estimate.scenario import Reference, Scenario, Served

Raw = dict[str, Any]
"""What a TOML reader gives; it does not leave this file."""

_Kind = TypeVar("_Kind")

PARAMETERS: Mapping[str, Raw] = {
    "v1": {"node": {"power_kw": 11.3, "models": {"DeepSeek-R1": 14.1}}},
    "v2": {},
}
"""What differs from the defaults. v1 printed a PUE up to 1.40; only 1.60 gives the figures that it published."""


class _Table(msgspec.Struct):
    models: tuple[Served, ...]


class _References(msgspec.Struct):
    references: tuple[Reference, ...]


def published_models() -> tuple[Served, ...]:
    """The throughput table that ships with the package, in the order of its source."""
    return _shipped("throughput.toml", _Table).models


def published_references() -> tuple[Reference, ...]:
    """The measured figures that ship with the package."""
    return _shipped("references.toml", _References).references


def read_scenario(
    path: Path | None = None, sets: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> Scenario:
    """Put a scenario together.

    Args:
        path: A TOML file; None for the published base case.
        sets: `key=value` with a dotted TOML key and a TOML value; a bare word counts as text. As in a file, one number where
            percentiles are read is a constant.
        options: What the command line says by options of their own; values that are None do not count.

    Where nobody names a method it is the released one, but the refined one for agentic queries.

    Raises:
        ConfigurationError: Not readable, not TOML, an unknown key (the nearest is offered), or a value that no scenario can
            have, not-a-number among them.
    """
    raw: Raw = {} if path is None else _read(path)
    if path is not None:
        _check(raw, path.name)
        raw = _spelt_out(raw, Scenario)
    for text in sets:
        change = _setting(text)
        _check(change, "--set")
        raw = _merged(raw, _spelt_out(change, Scenario))
    for name, value in (options or {}).items():
        if value is not None:
            raw[name] = value
    if raw.get("regime") == "agentic":
        raw.setdefault("method", "refined")  # the released method has no rows for such prompts
    source = "the scenario" if path is None else path.name
    parameters = raw.get("parameters", "v2")
    if parameters not in PARAMETERS:
        raise ConfigurationError(f"{source}: parameters are {' or '.join(PARAMETERS)}, got {parameters!r}")
    return _converted(_merged(PARAMETERS[parameters], raw), source)


def _read(path: Path) -> Raw:
    try:
        return from_toml(read_text(path, MOST_TABLE_BYTES))
    except OSError as error:
        raise ConfigurationError(f"cannot read scenario {path.name}: {error.strerror}") from error
    except Refused as error:
        raise ConfigurationError(f"{path.name} is not TOML ({error}); see docs/estimating.md for an example") from error


def _setting(text: str) -> Raw:
    key, sign, value = text.partition("=")
    if not sign or not key.strip() or not text.isprintable():
        raise ConfigurationError(f"--set {text!r} needs key=value, as in --set node.power_kw=10.2")
    try:
        return from_toml(f"{key} = {value}")
    except Refused:
        pass  # a bare word, perhaps
    try:
        return from_toml(f"{key} = {_quoted(value.strip())}")
    except Refused as error:
        raise ConfigurationError(
            f'--set {text!r} is no TOML key and value; quote names with blanks: a."b c"=1'
        ) from error


def _quoted(text: str) -> str:
    escaped = "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in text)
    return '"' + escaped.replace('"', '\\"') + '"'


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Raw:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _spelt_out(raw: Raw, record: type[Record]) -> Raw:
    """One number where a distribution is read stands for a constant: `pue = 1.2` has both percentiles at 1.2.

    And a whole number may be written as 1e6.
    """
    kinds = {field.name: field.type for field in msgspec.structs.fields(record)}
    spelt = dict(raw)
    for key, value in raw.items():
        if kinds.get(key) is int and type(value) is float and value.is_integer() and abs(value) < 2**53:
            spelt[key] = int(value)
        inner = _record_in(kinds.get(key))
        if inner is None:
            continue
        if isinstance(value, dict):
            spelt[key] = _spelt_out(value, inner)
        elif type(value) in (int, float) and {"p5", "p95"} <= set(inner.__struct_fields__):
            spelt[key] = {"p5": value, "p95": value}
    return spelt


def _check(raw: Raw, source: str) -> None:
    """Refuse keys that nothing reads, and numbers that are none."""
    for path, value, known in _leaves(raw, Scenario, ()):
        name = ".".join(path)
        if known is not None:
            raise ConfigurationError(f"{source}: nothing reads {name!r}; {_instead(path, known)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigurationError(f"{source}: {name} is {value}; it needs a finite number")


def _instead(path: tuple[str, ...], known: list[str]) -> str:
    """A key like the one that is unknown, there or elsewhere; where there is none, all that are known there."""
    like = difflib.get_close_matches(path[-1][:200], known, 1)
    elsewhere = [one for one in _dotted(Scenario) if one.rpartition(".")[2] == path[-1]]
    if like or elsewhere:
        return f"the nearest is {'.'.join((*path[:-1], like[0])) if like else elsewhere[0]!r}"
    where = f" in {'.'.join(path[:-1])}" if path[1:] else ""
    return f"known{where} are {', '.join(known)}"


def _dotted(record: type[Record], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every key of a scenario that holds no more keys."""
    for field in msgspec.structs.fields(record):
        inner = _record_in(field.type)
        if inner is None:
            yield ".".join((*path, field.name))
        elif inner is field.type:  # one record, not several
            yield from _dotted(inner, (*path, field.name))


def _leaves(
    value: object, kind: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object, list[str] | None]]:
    """Every value with its path; for a key that is unknown, the ones that are known there."""
    record = _record_in(kind)
    if isinstance(value, dict) and record is not None:
        fields = {field.name: field.type for field in msgspec.structs.fields(record)}
        for key, inner in value.items():
            if key in fields:
                yield from _leaves(inner, fields[key], (*path, key))
            else:
                yield (*path, key), inner, list(fields)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, None, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, kind, path)
    else:
        yield path, value, None


def _record_in(kind: Any) -> type[Record] | None:
    """The record that a field holds, also inside a tuple or beside None."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind
    if get_origin(kind) in (tuple, Union, UnionType):
        return next((found for found in map(_record_in, get_args(kind)) if found is not None), None)
    return None


def _converted(raw: Raw, source: str) -> Scenario:
    try:
        return converted(raw, Scenario)
    except Refused as error:
        sentence, _, where = str(error).partition(" - at `$")
        name = where.rstrip("`").lstrip(".")
        raise ConfigurationError(f"{source}: {f'{name}: ' if name else ''}{sentence}") from error


def _shipped(name: str, kind: type[_Kind]) -> _Kind:
    text = (resources.files("reports.estimate") / name).read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=kind)


_ASKED = (
    "title",
    "method",
    "parameters",
    "regime",
    "boundary",
    "models",
    "draws",
    "seed",
    "traces",
    "references",
    "grid",
    "fleet",
)
"""What is asked, or told where it counts, so that it is not named once more."""


def changed(scenario: Scenario) -> tuple[str, ...]:
    """Dotted names of everything that is assumed otherwise than its parameter set has it, with the value."""
    published = _converted(_merged(PARAMETERS[scenario.parameters], {}), "the base case")
    return tuple(
        told
        for name in Scenario.__struct_fields__
        if name not in _ASKED
        for told in _differences(getattr(scenario, name), getattr(published, name), (name,))
    )


def _differences(value: object, other: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Record) and isinstance(other, Record):
        for name in value.__struct_fields__:
            yield from _differences(getattr(value, name), getattr(other, name), (*path, name))
    elif isinstance(value, Mapping) and isinstance(other, Mapping):
        for key in {**value, **other}:
            yield from _differences(value.get(key), other.get(key), (*path, str(key)))
    elif value != other:
        told = "own rows" if path == ("served",) else value
        yield f"{'.'.join(path)} {'as the others' if told is None else told}"


def chosen_models(scenario: Scenario) -> tuple[Served, ...]:
    """The models of an estimate: those named, or all that are known; the scenario's own rows replace published ones.

    Raises:
        ConfigurationError: A model is unknown (the nearest are offered) or named twice.
    """
    known = {model.name: model for model in (*published_models(), *scenario.served)}
    if scenario.models is None:
        return tuple(known.values())
    return tuple(known[name] for name in _resolved(scenario.models, known))


def _resolved(names: Iterable[str], known: Iterable[str]) -> list[str]:
    folded = {name.casefold(): name for name in known}
    resolved: list[str] = []
    for name in names:
        if name.casefold() not in folded:
            near = nearest(name.casefold(), folded, 3)
            raise ConfigurationError(
                f"unknown model {name!r}; the nearest are {', '.join(folded[one] for one in near)}"
            )
        if folded[name.casefold()] in resolved:
            raise ConfigurationError(f"model {folded[name.casefold()]!r} is named twice; once is enough")
        resolved.append(folded[name.casefold()])
    return resolved
