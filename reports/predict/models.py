"""From what a user typed as a model to its shape: a name, a hub id, a configuration file, a folder, or a size."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import Architecture, architecture
from energy_fixtures.models.catalogue import architecture_of, resolve
from energy_fixtures.units import shortened
from reports.predict.shape import Shape, shape_of

TABLE = Path(__file__).with_name("architectures.toml")


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    hub: str
    parameters_b: float
    config: dict[str, str | int | bool]
    aliases: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[_Row, ...]


@cache
def rows() -> tuple[_Row, ...]:
    """Every entry of the table."""
    return msgspec.convert(tomllib.loads(TABLE.read_text(encoding="utf-8")), _Table, strict=True).model


@cache
def known_shapes() -> tuple[Shape, ...]:
    """The shape of every model of the table, in its order."""
    return tuple(shape_of(row.name, architecture(row.config)) for row in rows())


def find_architecture(typed: str) -> tuple[str, Architecture]:
    """Name and architecture of what was typed.

    Args:
        typed: A name of the table or its hub id in any case, a `config.json`, or what `--energy-model` takes
            (`shape:NAME`, `synthetic:...`, a folder, a hub id that is cached here).

    Raises:
        ConfigurationError: None of these; the message offers the nearest names.
    """
    row = _by_key().get(_key(typed))
    if row is not None:
        return row.name, architecture(row.config)
    path = Path(typed).expanduser()
    if path.suffix == ".json":
        return path.stem if path.stem != "config" else path.resolve().parent.name or "config", _from_file(path)
    try:
        spec = resolve(typed)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"no model is called {shortened(typed, 80)!r}; nearest are {', '.join(_nearest(typed))}."
            " Give one of these, shape:NAME, a config.json, or its size with --params-b"
        ) from error
    known = architecture_of(spec)
    if known is None:
        raise ConfigurationError(
            f"the architecture of {shortened(typed, 80)!r} is not known here (nearest known are"
            f" {', '.join(_nearest(typed))}); give its config.json, or its size with --params-b"
        )
    return spec.name, known


def _from_file(path: Path) -> Architecture:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--model {path.name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"--model {path.name} is no JSON ({error}); give a model's config.json") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"--model {path.name} holds no JSON object; give a model's config.json")
    return architecture(config)


@cache
def _by_key() -> dict[str, _Row]:
    return {_key(name): row for row in rows() for name in (*row.aliases, row.hub, row.hub.split("/")[-1], row.name)}


def _nearest(typed: str) -> list[str]:
    spelt = {_key(name): row.name for row in rows() for name in (row.hub, row.name)}
    near = difflib.get_close_matches(_key(typed), spelt, n=5, cutoff=0.3)
    return list(dict.fromkeys(spelt[key] for key in near))[:3] or [row.name for row in rows()[:3]]


def _key(name: str) -> str:
    """A name without case and punctuation but the point, which tells OPT-1.3B from OPT-13B.

    >>> _key("Llama-2-7b"), _key("meta-llama/Llama-2-7b")
    ('llama27b', 'metallamallama27b')
    """
    return re.sub(r"[^a-z0-9.]", "", name.casefold())
