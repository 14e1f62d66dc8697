"""How people write the names of models: owners, endings and case that say nothing of the architecture."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

_TUNED = {"hf", "instruct", "chat", "it", "base", "inst", "thinking"}
"""Words that say what a model was trained for; the architecture is that of its base."""

_RELEASE = re.compile(r"v\d+(\.\d+)*|\d{4}")
"""A last word that says which release it is: `v0.2`, `0528`."""

FAMILIAR = ("Llama-3.1-8B", "Qwen2.5-7B", "Mixtral-8x7B")
"""What is offered where no known name is near."""


def key(name: str) -> str:
    """A name without case and punctuation but the point, which tells OPT-1.3B from OPT-13B.

    >>> key("Llama-2-7b"), key("meta-llama/Llama-2-7b")
    ('llama27b', 'metallamallama27b')
    """
    return re.sub(r"[^a-z0-9.]", "", name.casefold())


def spellings(typed: str) -> list[str]:
    """Keys that a name may be known by, the most exact first.

    Dropped one after another: a revision and the owner; `Meta-` in front and the words of tuning; releases at the end.

    >>> spellings("mistralai/Mistral-7B-Instruct-v0.2")
    ['mistralaimistral7binstructv0.2', 'mistral7binstructv0.2', 'mistral7bv0.2', 'mistral7b']
    """
    whole = typed.strip().casefold().partition("@")[0]
    own = whole.rstrip("/").rpartition("/")[2]
    words = own.removeprefix("meta-").split("-")
    tuned = [word for word in words if word not in _TUNED]
    released = [*tuned]
    while len(released) > 1 and _RELEASE.fullmatch(released[-1]):
        released.pop()
    found = [key(name) for name in (whole, own, "-".join(words), "-".join(tuned), "-".join(released))]
    return [one for one in dict.fromkeys(found) if one]


def nearest(typed: str, known: Mapping[str, str]) -> list[str]:
    """At most three names of `known` (name by key) that look most like what was typed, in any of its spellings."""
    scores: dict[str, float] = {}
    for spelt in spellings(typed[:200]):
        for near in difflib.get_close_matches(spelt, known, n=6, cutoff=0.6):
            score = difflib.SequenceMatcher(None, near, spelt).ratio()
            scores[known[near]] = max(scores.get(known[near], 0.0), score)
    return sorted(scores, key=lambda name: -scores[name])[:3] or list(FAMILIAR)


def by_key(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """`(spelling, name)` pairs as name by key."""
    return {key(spelling): name for spelling, name in names}
