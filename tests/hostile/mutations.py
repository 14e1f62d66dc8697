"""From a whole file to a hostile one: bytes flipped and cut, values swapped for extreme ones, structure nested and repeated.

known file ─► up to six changes, drawn by a seeded generator: of the text, or of the JSON that it holds ─► hostile file
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

MARKUP = (
    "\x1b[31mred\x1b[0m",
    "[red]x[/red]",
    "<script>alert(1)</script>",
    "](javascript:x) | @all `b` <img src=x onerror=y>",
    "=cmd|'/c calc'!A1",
    "\u202egnp.exe",
    "a\n::error::b\r\nc",
    "\x00",
    "../../../../etc/passwd",
    "x" * 10_000,
    "\ud800",
)
"""Names as a malicious file has them: terminal, Rich, HTML, Markdown, spreadsheet, bidirectional, CI commands, NUL, paths."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(10**30)),
    *(0.0, -0.0, 5e-324, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 0.1, 1e-30, 1e15),
    *("", [], {}, [[]], {"": None}, [0] * 100, "0", "NaN", *MARKUP),
)

TOKENS = (
    *(b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"=", b"\n", b"\r\n", b"\0", b"\x1b[2J", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 5000, b"0x41", b"1_000", b"-0", b".5", b"1e-400", b"\\u0000", b"\\ud800"),
    *(b"[" * 3000, b'{"a":' * 3000, b"[[a]]\n", b"a.b.c.d = 1\n", b"1979-05-27T07:32:00Z", b'"""', b"\xe2\x80\xae", b"nan", b"inf"),
    *(b"\xef\xbb\xbf", b"\x1f\x8b", b"data: ", b"\n\n", b"\r\n\r\n", b"ffffffffffffffff\r\n", b"-5\r\n", b"\xe3\x80\x80", b"\xd9\xa3"),
)  # fmt: skip


def mutated(content: bytes, draw: random.Random, words: tuple[bytes, ...] = ()) -> bytes:
    """A hostile neighbour of `content`.

    Args:
        content: A file of the kind that a reader takes.
        draw: Decides everything.
        words: Further pieces that its format knows.
    """
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        by_structure = draw.random() < 0.6
        changed = _structure(content, draw) if by_structure else None
        content = changed if changed is not None else draw.choice(_TEXTUAL)(content, draw, words)
    return content[: 1 << 20]


def _structure(content: bytes, draw: random.Random) -> bytes | None:
    """One value inside the JSON changed; None where it is no JSON."""
    lines = content.split(b"\n")
    place = draw.randrange(len(lines))
    for text, around in ((content, None), (lines[place], place)):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        try:
            new = json.dumps(_changed(document, draw)).encode("utf-8", "surrogatepass")
        except (RecursionError, ValueError):
            return None
        return new if around is None else b"\n".join((*lines[:around], new, *lines[around + 1 :]))
    return None


def _changed(document: Any, draw: random.Random) -> Any:
    """A copy in which one place holds something else."""
    places = list(_places(document))
    if not places:
        return draw.choice(VALUES)
    holder, key = draw.choice(places)
    kind = draw.randrange(8)
    if kind == 0 and isinstance(holder, dict):
        holder[draw.choice(MARKUP)] = holder.pop(key)
    elif kind == 1:
        del holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder *= draw.choice((0, 2, 50))
    elif kind == 3:
        deep: Any = holder[key]
        for _ in range(draw.choice((1, 20, 400))):
            deep = [deep] if draw.random() < 0.5 else {"a": deep}
        holder[key] = deep
    elif kind == 4:
        other, name = draw.choice(places)
        try:
            holder[key] = json.loads(json.dumps(other[name]))
        except (KeyError, IndexError):
            holder[key] = None
    else:
        holder[key] = draw.choice(VALUES)
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < 5_000:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found


def _flip(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    if not content:
        return bytes([draw.randrange(256)])
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def _cut(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    first, last = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:first] if draw.random() < 0.4 else content[:first] + content[last:]


def _repeat(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    first, last = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:last] + content[first:last] * draw.choice((1, 2, 20)) + content[last:]


def _insert(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    at = draw.randrange(len(content) + 1)
    piece = draw.choice((*TOKENS, *words, draw.choice(MARKUP).encode("utf-8", "surrogatepass")))
    return content[:at] + piece + content[at:]


def _number(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    """One number in the text swapped for an extreme one, whatever the format."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content[: 1 << 16]))
    if not found:
        return _insert(content, draw, words)
    one = draw.choice(found)
    new = draw.choice(
        (b"-1", b"0", b"1e308", b"nan", b"inf", b"9" * 30, b"9" * 5000, b"", b"1.5", b"2147483648", b"-0.0")
    )
    return content[: one.start()] + new + content[one.end() :]


def _nested(content: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    deep = draw.choice((100, 2_000, 100_000))
    opening, closing = draw.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"a = " + b"[", b"]"), (b"[a", b"]")))
    at = draw.randrange(len(content) + 1) if draw.random() < 0.5 else 0
    return content[:at] + opening * deep + draw.choice((b"", b"1" + closing * deep)) + content[at:]


_TEXTUAL: tuple[Callable[[bytes, random.Random, tuple[bytes, ...]], bytes], ...] = (
    _flip,
    _cut,
    _repeat,
    _insert,
    _insert,
    _number,
    _nested,
)
