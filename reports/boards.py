"""What makers say of their boards: power, memory and peak rates, each with its source. Not what a board here does.

The table is `boards.toml` beside this file; a file of the same layout adds boards or replaces rows of the same name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, converted, from_toml, read_text

TABLE = Path(__file__).with_name("boards.toml")

Peak = Literal["dense", "sparse"]
"""Whether a peak rate counts 2:4 structured sparsity, which doubles it and which no ordinary model has."""

DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""The project's names of dtypes as the table spells them; the table's own words (`tf32`, `fp8`, `int8`) are taken too."""

GIB = 2**30
_MAKERS = re.compile(r"\b(nvidia|amd|tesla|instinct|corporation|graphics|gpu)\b")


@dataclass(frozen=True, kw_only=True)
class Board:
    """One row of the table, SI units.

    Attributes:
        name: As the table spells it. aliases: Other names, a driver's own among them.
        tdp_w: Maximum board power of the data sheet. idle_w: At rest, None where nobody published it.
        memory: Kind: `HBM3`. memory_bytes, bandwidth_bytes_s: Size and peak rate.
        usable_bytes: What the driver reports as total, which the board's error correction makes smaller; None where nobody
            published it.
        dense_flop_s, sparse_flop_s: Peak operations per second by dtype, without and with structured sparsity.
        cores: CUDA cores or stream processors.
        source: Where the figures stand.
    """

    name: str
    aliases: tuple[str, ...]
    architecture: str
    tdp_w: float
    memory: str
    memory_bytes: int
    bandwidth_bytes_s: float
    dense_flop_s: Mapping[str, float]
    sparse_flop_s: Mapping[str, float]
    cores: int
    source: str
    idle_w: float | None = None
    usable_bytes: int | None = None

    @property
    def capacity_bytes(self) -> int:
        """What weights and caches may fill: what the driver hands out, or all of it where nobody published that."""
        return self.memory_bytes if self.usable_bytes is None else self.usable_bytes

    def peak_flop_s(self, dtype: str, peak: Peak = "dense") -> float:
        """Peak rate for `dtype`; with `sparse` the dense one where the dtype has no sparse rate.

        Raises:
            ConfigurationError: The board's matrix units do not compute in this dtype.
        """
        name = DTYPES.get(dtype, dtype)
        dense = self.dense_flop_s.get(name)
        if dense is None:
            ours = {short: long for long, short in DTYPES.items()}
            known = ", ".join(ours.get(short, short) for short in self.dense_flop_s)
            raise ConfigurationError(f"{self.name} has no peak rate for {dtype}; it computes in {known}")
        return self.sparse_flop_s.get(name, dense) if peak == "sparse" else dense


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row as it is written."""

    name: str
    architecture: str
    tdp_w: float
    memory: str
    memory_gib: float
    bandwidth_gb_s: float
    dense_tflops: dict[str, float]
    cores: int
    source: str
    sparse_tflops: dict[str, float] = {}
    aliases: tuple[str, ...] = ()
    idle_w: float | None = None
    usable_gib: float | None = None

    def __post_init__(self) -> None:
        rates = {f"dense {name}": rate for name, rate in self.dense_tflops.items()}
        rates |= {f"sparse {name}": rate for name, rate in self.sparse_tflops.items()}
        positive = {"tdp_w": self.tdp_w, "memory_gib": self.memory_gib, "bandwidth_gb_s": self.bandwidth_gb_s, **rates}
        for name, value in positive.items():
            if not 0 < value < 1e9:
                raise ValueError(f"{name} of {self.name} must be > 0 and finite, got {value}")
        if not self.dense_tflops:
            raise ValueError(f"{self.name} has no dense_tflops")
        if self.idle_w is not None and not 0 <= self.idle_w < self.tdp_w:
            raise ValueError(f"idle_w of {self.name} must lie in [0, tdp_w), got {self.idle_w}")
        if self.usable_gib is not None and not 0 < self.usable_gib <= self.memory_gib:
            raise ValueError(f"usable_gib of {self.name} must lie in (0, memory_gib], got {self.usable_gib}")

    def board(self) -> Board:
        return Board(
            name=self.name,
            aliases=self.aliases,
            architecture=self.architecture,
            tdp_w=self.tdp_w,
            memory=self.memory,
            memory_bytes=round(self.memory_gib * GIB),
            bandwidth_bytes_s=self.bandwidth_gb_s * 1e9,
            dense_flop_s={name: rate * 1e12 for name, rate in self.dense_tflops.items()},
            sparse_flop_s={name: rate * 1e12 for name, rate in self.sparse_tflops.items()},
            cores=self.cores,
            source=self.source,
            idle_w=self.idle_w,
            usable_bytes=None if self.usable_gib is None else round(self.usable_gib * GIB),
        )


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[board]]` rows."""

    board: tuple[_Row, ...]


def all_boards(extra: Path | None = None) -> tuple[Board, ...]:
    """Every known board, those of `extra` last; a row of `extra` replaces the table's of the same name.

    Raises:
        ConfigurationError: `extra` cannot be read, or one of its rows is incomplete or impossible.
    """
    known = {_key(board.name): board for board in _read(TABLE)}
    more = {} if extra is None else {_key(board.name): board for board in _read(extra)}
    return tuple({**known, **more}.values())


def find_board(name: str, extra: Path | None = None) -> Board:
    """The board of that name or alias, in any case, with or without its maker's name.

    Args:
        name: `A100-80`, `NVIDIA H100 80GB HBM3`, `mi300x`.
        extra: File of further boards; its names come before the table's.

    Raises:
        ConfigurationError: No board is called so; the message offers the nearest names.
    """
    board = lookup(name, extra)
    if board is None:
        raise ConfigurationError(
            f"no board is called {name!r}; {_offered(name, extra)}."
            " Add a row of your own with a file (--boards FILE, layout of reports/boards.toml)"
        )
    return board


def lookup(name: str, extra: Path | None = None) -> Board | None:
    """As `find_board`, but None where no board is called so."""
    return _by_key(extra).get(_key(name))


@cache
def _by_key(extra: Path | None) -> Mapping[str, Board]:
    boards = all_boards(extra)
    aliases = {_key(alias): board for board in boards for alias in board.aliases}
    own = {} if extra is None else {_key(alias): board for board in _read(extra) for alias in board.aliases}
    return {**aliases, **own, **{_key(board.name): board for board in boards}}


def _offered(name: str, extra: Path | None) -> str:
    """At most three names, as the middle of a sentence: the nearest, or the first ones where none is near."""
    near = _nearest(name, extra)
    if near:
        return f"nearest are {', '.join(near)}"
    known = [board.name for board in all_boards(extra)]
    return f"none is near it; among the {len(known)} known are {', '.join(known[:3])}"


def _nearest(name: str, extra: Path | None) -> list[str]:
    spelt = {_key(word): board.name for board in all_boards(extra) for word in (*board.aliases, board.name)}
    near = difflib.get_close_matches(_key(name)[:200], spelt, n=6, cutoff=0.4)
    return list(dict.fromkeys(spelt[key] for key in near))[:3]


def _key(name: str) -> str:
    """What is left of a name without case, makers' words and punctuation.

    >>> _key("NVIDIA A100-SXM4-80GB"), _key("a100 sxm4 80gb")
    ('a100sxm480gb', 'a100sxm480gb')
    """
    return re.sub(r"[^a-z0-9]", "", _MAKERS.sub(" ", name.casefold()))


@cache
def _read(path: Path) -> tuple[Board, ...]:
    """Every row of one file.

    Raises:
        ConfigurationError: Unreadable, no TOML, or a row that is incomplete or impossible.
    """
    try:
        raw = from_toml(read_text(path, MOST_TABLE_BYTES))
    except OSError as error:
        raise ConfigurationError(f"boards of {path.name} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise ConfigurationError(
            f"{path.name} is no TOML: {error}; the layout is that of reports/boards.toml"
        ) from error
    try:
        table = converted(raw, _Table)
    except Refused as error:
        raise ConfigurationError(f"{path.name} does not describe boards: {error}") from error
    return tuple(row.board() for row in table.board)
