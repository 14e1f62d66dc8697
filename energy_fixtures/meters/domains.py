"""What `--energy-domains` may say, and which of a machine's domains it picks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest

KINDS = ("gpu", "cpu", "dram", "soc")
"""Kinds of domains, in the order in which they are listed everywhere."""

_WORD = re.compile(r"(?P<kind>[a-z]+)(:(?P<index>\d+))?")


def parse_domains(text: str | None) -> tuple[str, ...] | None:
    """The words of `--energy-domains`; None when the user leaves the choice to the meter.

    Raises:
        ConfigurationError: A word is not a kind of domain, with or without an index.
    """
    if text is None:
        return None
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise ConfigurationError("--energy-domains names no domain; write for example --energy-domains=gpu,cpu:0")
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None or match["kind"] not in KINDS:
            kind = word.split(":")[0]
            raise ConfigurationError(
                f"--energy-domains has no domain {word!r}; did you mean {' or '.join(nearest(kind, KINDS, 2))}? "
                f"Domains are {', '.join(KINDS)}, each with an index if you want only one of them (gpu:0)"
            )
    return words


def choose_domains(
    wanted: tuple[str, ...] | None, existing: Iterable[str], *, meter: str, missing: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Of the `existing` domains those that `wanted` names (`gpu` names every GPU), all of them when None, in order.

    Args:
        wanted: What `parse_domains` gave.
        existing: Domains that the meter can read.
        meter: Its name, for the message.
        missing: Why others do not exist, for the message.

    Raises:
        ConfigurationError: A wanted domain is not among the existing ones.
    """
    found = sorted(existing, key=order)
    if wanted is None:
        return tuple(found)
    for word in wanted:
        if not any(_names(word, domain) for domain in found):
            raise ConfigurationError(
                f"--energy-domains asks for {word!r}, which the {meter} meter does not have; "
                f"use {', '.join(found) if found else 'another meter, it has none'}"
                + (f" ({'; '.join(missing)})" if missing else "")
            )
    return tuple(domain for domain in found if any(_names(word, domain) for word in wanted))


def order(domain: str) -> tuple[int, int, str]:
    """Sort key: GPUs, CPUs, memory, SoC, and by index inside a kind."""
    kind, _, index = domain.partition(":")
    known = KINDS.index(kind) if kind in KINDS else len(KINDS)  # a recording may hold any word
    return (known, int(index) if index.isdecimal() and len(index) < 10 else -1, index)


def _names(word: str, domain: str) -> bool:
    return word == domain or domain.startswith(f"{word}:")
