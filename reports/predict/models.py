"""From what a user typed as a model to its shape: a name, a hub id, a configuration file, a folder, or a size."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, json_object, read_file
from energy_fixtures.models.architecture import Architecture, architecture
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.catalogue import SHAPES, config_of, resolve
from energy_fixtures.models.shapes import Config
from energy_fixtures.units import shortened
from reports.predict.names import by_key, key, nearest, spellings
from reports.predict.shape import Shape, shape_of

TABLE = Path(__file__).with_name("architectures.toml")


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    hub: str
    parameters_b: float
    written: dict[str, str | int | bool] = msgspec.field(default_factory=dict, name="config")
    shape: str | None = None
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.written) == (self.shape is not None):
            raise ValueError(f"{self.name} needs either a config or the name of a shape")

    @property
    def config(self) -> Config:
        """Content of its config.json: written here, or that of the shape with this name."""
        return self.written if self.shape is None else SHAPES[self.shape].config


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[_Row, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model that was found.

    Attributes:
        name: As it is printed. architecture: Its shape.
        config: Content of its configuration. dtype: What "auto" means where the configuration does not decide.
        stored: Whether the configuration is that of the very weights asked for (a file, a folder, a cached hub id), so
            that its number format counts.
    """

    name: str
    architecture: Architecture
    config: Config
    dtype: str = "auto"
    stored: bool = False


@cache
def rows() -> tuple[_Row, ...]:
    """Every entry of the table."""
    return msgspec.convert(tomllib.loads(TABLE.read_text(encoding="utf-8")), _Table, strict=True).model


@cache
def known_shapes() -> tuple[Shape, ...]:
    """The shape of every model of the table that is written there, in its order; those of `shapes.py` repeat some."""
    return tuple(shape_of(row.name, architecture(row.config)) for row in rows() if row.shape is None)


def find_architecture(typed: str) -> tuple[str, Architecture]:
    """Name and architecture of what was typed; see `find_model`."""
    found = find_model(typed)
    return found.name, found.architecture


def named_architecture(name: str) -> tuple[str, Architecture]:
    """As `find_architecture` of a name that stands in a file: it is never taken for a place on this machine.

    Raises:
        ConfigurationError: Nothing is called so, or it would be a file or a folder here.
    """
    place = os.path.expanduser(name)
    if place.startswith((os.sep, ".")) or place.endswith(".json") or os.path.exists(place):
        raise ConfigurationError(f"{shortened(name, 80)!r} is a place and no name; a file may only name models")
    return find_architecture(name)


def find_model(typed: str) -> Found:
    """The model that was meant.

    Args:
        typed: A name of the table or its hub id in any case, with or without owner and endings such as `-Instruct`
            (`spellings`), a `config.json`, or what `--energy-model` takes (`shape:NAME`, `synthetic:...`, a folder, a
            hub id that is cached here, whose own configuration goes before a name that only looks like it).

    Raises:
        ConfigurationError: None of these; the message offers the nearest names.
    """
    exact = _by_key().get(key(typed))
    if exact is not None:
        return _listed(exact)
    path = Path(os.path.expanduser(typed))
    if path.suffix == ".json":
        written = _from_file(path)
        named = path.stem if path.stem != "config" else path.resolve().parent.name or "config"
        return Found(name=named, architecture=architecture(written), config=written, stored=True)
    spec = _resolved(typed)
    if spec is not None:
        config = config_of(spec)
        if config is not None:
            return Found(
                name=spec.name,
                architecture=architecture(config),
                config=config,
                dtype=spec.default_dtype,
                stored=spec.source in ("folder", "hub"),
            )
    for spelt in spellings(typed):
        if spelt in _by_key():
            return _listed(_by_key()[spelt])
    offered = ", ".join(nearest(typed, by_key((name, row.name) for row in rows() for name in _names(row))))
    if spec is None:
        raise ConfigurationError(
            f"no model is called {shortened(typed, 80)!r}; nearest are {offered}."
            " Give one of these, shape:NAME, a config.json, or its size with --params-b"
        )
    raise ConfigurationError(
        f"the architecture of {shortened(typed, 80)!r} is not known here (nearest known are {offered});"
        " give its config.json, or its size with --params-b"
    )


def _listed(row: _Row) -> Found:
    return Found(name=row.name, architecture=architecture(row.config), config=row.config)


def _resolved(typed: str) -> ModelSpec | None:
    """What the catalogue makes of it; None where it knows no such thing.

    Raises:
        ConfigurationError: A folder without a configuration, which the catalogue says best.
    """
    try:
        return resolve(typed)
    except ConfigurationError:
        if os.path.isdir(os.path.expanduser(typed)):  # False also for what cannot be a name
            raise
        return None


def _from_file(path: Path) -> Config:
    try:
        return json_object(read_file(path, MOST_TABLE_BYTES))
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"--model {path.name} cannot be read: {why}") from error
    except Refused as error:
        raise ConfigurationError(f"--model {path.name} is no JSON ({error}); give a model's config.json") from error


def _names(row: _Row) -> tuple[str, ...]:
    return (*row.aliases, row.hub, row.hub.split("/")[-1], row.name)


@cache
def _by_key() -> dict[str, _Row]:
    return {key(name): row for row in rows() for name in _names(row)}
