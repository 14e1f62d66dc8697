"""What comes from others: how much of it is read at most, and one way to say what is wrong with it.

Result files, traces, models, scenarios and answers of servers may come from people who mean ill. Whoever reads one reads
it through here: no more bytes than its kind ever has, and what no parser takes, or what nests without end, becomes a
`Refused` that the reader turns into its own sentence. docs/security.md says what is promised.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import stat
import tomllib
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from energy_fixtures.errors import harmless

MOST_RESULT_BYTES = 8 << 30
"""Of a result file or a journal; ten thousand cases of a hundred windows take about a hundredth of it."""

MOST_TABLE_BYTES = 16 << 20
"""Of what a person writes: scenarios, boards, bins, a model's configuration; and of a predictor."""

MOST_TOKENIZER_BYTES = 256 << 20
"""Of a tokenizer.json; the largest published ones have some 35 MB."""

MOST_TRACE_BYTES = 4 << 30
"""Of a trace that has to lie in memory as a whole, unpacked; ShareGPT has 0.7 GB."""

MOST_UNPACKED = 100
"""How many times its size a packed trace may unpack to, once that is more than SMALL_UNPACKED_BYTES; real ones 4 to 10."""

SMALL_UNPACKED_BYTES = 1 << 30

MOST_DEFLATED = 1032
"""How many times its size gzip can unpack to at all (RFC 1951: 258 bytes for two bits)."""

MOST_DEPTH = 64
"""Levels of a document without records of ours; a model's configuration has some five."""

MOST_SIZE = 10**9
"""Of a dimension of a model: layers, widths, vocabulary; products of several stay countable."""

_CHUNK_BYTES = 1 << 20

Kind = TypeVar("Kind")


class Refused(ValueError):
    """Foreign data that is not what its kind has to be; the message is the middle of a sentence."""


def read_file(path: Path, most_bytes: int) -> bytes:
    """The content of a file, or of a pipe.

    Raises:
        OSError: It cannot be read.
        Refused: It holds more than `most_bytes`, or is a device.
    """
    with path.open("rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        if stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode):
            raise Refused("it is a device, not a file")
        if facts.st_size > most_bytes:
            raise _too_large(most_bytes)
        chunks, left = [], most_bytes
        while chunk := file.read(max(_CHUNK_BYTES, facts.st_size + 1)):
            left -= len(chunk)
            if left < 0:
                raise _too_large(most_bytes)
            chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_packed(path: Path) -> None:
    """Look whether a file that another library unpacks as a whole is in proportion; what is not gzip is left to it.

    Raises:
        OSError: It cannot be read.
        Refused: It unpacks to more than any text does.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b" or size * MOST_DEFLATED <= SMALL_UNPACKED_BYTES:
            return
    count = 0
    with gzip.open(path) as inside, contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):  # the library says so
        while chunk := inside.read(_CHUNK_BYTES):
            count += len(chunk)
            if count > SMALL_UNPACKED_BYTES and count > MOST_UNPACKED * size:
                raise Refused(f"it unpacks to more than {MOST_UNPACKED} times its size")


def read_text(path: Path, most_bytes: int) -> str:
    """The content of a UTF-8 file.

    Raises:
        OSError: It cannot be read.
        Refused: It holds more than `most_bytes`, or is no UTF-8 text.
    """
    try:
        return read_file(path, most_bytes).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"no UTF-8 text at byte {error.start + 1}") from error


def from_json(content: bytes, kind: type[Kind]) -> Kind:
    """JSON as a record of ours.

    Raises:
        Refused: It is no JSON, breaks the record's rules, or nests without end.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError as error:
        raise Refused("it nests too deeply") from error
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:  # Unicode's are ValueErrors
        raise Refused(_words(error)) from error


def json_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object of somebody else's layout; NaN and Infinity are taken, as Python writes them.

    Raises:
        Refused: It is no JSON object, or nests without end.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise Refused("it nests too deeply") from error
    except ValueError as error:
        raise Refused(_words(error)) from error
    if not isinstance(found, dict):
        raise Refused("it holds no JSON object")
    return _shallow(found)


def from_toml(text: str) -> dict[str, Any]:
    """A TOML document.

    Raises:
        Refused: It is no TOML, or nests without end.
    """
    try:
        return _shallow(tomllib.loads(text))
    except RecursionError as error:
        raise Refused("it nests too deeply") from error
    except (ValueError, OverflowError) as error:  # beside TOML's own, numbers of too many digits and impossible dates
        raise Refused(_words(error)) from error


def converted(raw: object, kind: type[Kind]) -> Kind:
    """What a TOML or JSON reader gave as a record of ours.

    Raises:
        Refused: It breaks the record's rules.
    """
    try:
        return msgspec.convert(raw, type=kind, strict=True)
    except RecursionError as error:
        raise Refused("it nests too deeply") from error
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise Refused(_words(error)) from error


def _shallow(document: dict[str, Any]) -> dict[str, Any]:
    """The same document: whoever walks through it need not fear for the stack."""
    level: list[Any] = [document]
    for _ in range(MOST_DEPTH):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return document
    raise Refused("it nests too deeply")


def _too_large(most_bytes: int) -> Refused:
    return Refused(f"it holds more than the {most_bytes >> 20:,} MiB that are read of such a file")


def _words(error: Exception) -> str:
    return harmless(str(error) or type(error).__name__)
