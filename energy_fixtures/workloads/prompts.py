"""Prompts as token ids: exact lengths, no text and no tokenizer in between."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from pathlib import Path

from energy_fixtures.engines.base import Work
from energy_fixtures.foreign import MOST_TOKENIZER_BYTES, json_object, read_file

PATTERN_TOKENS = 16  # long enough to be no accident, short enough to stand twice in the shortest useful prompt


def work_prompts(work: Work, *, vocab_size: int, avoid: Collection[int]) -> list[list[list[int]]]:
    """The prompts of a window's work, batch by batch; each iteration is drawn from a seed of its own.

    N-gram speculation gets prompts with something to look up. See `token_prompts` for the other arguments.

    Returns:
        For each of `work.iterations` all of `work.batches`: lists of as many ids as each request's input has.
    """
    speculation = work.scenario.speculation
    repeated = speculation is not None and speculation.method == "ngram"
    found = []
    for iteration in range(work.iterations):
        draw = _draws(work.seed + iteration)
        for batch in work.batches:
            lengths = [given for given, _ in batch]
            found.append(_prompts(draw, lengths, vocab_size=vocab_size, repeated=repeated, avoid=avoid))
    return found


def token_prompts(
    *,
    count: int,
    length: int,
    vocab_size: int,
    seed: int,
    repeated: bool = False,
    avoid: Collection[int] = (),
) -> list[list[int]]:
    """Draw prompts at random, each token independent and uniform over the ordinary ids.

    Args:
        count: Number of prompts, >= 1.
        length: Tokens of each prompt, >= 1.
        vocab_size: Ids are below this.
        seed: Equal seeds give equal prompts, on every machine. Neighbouring seeds have nothing in common.
        repeated: Each prompt repeats one random pattern of at most 16 tokens (of half the prompt where that is
            shorter), so that n-gram speculation and prompt lookup have something to look up: the prompt's end
            stands in it before, with a continuation. What is accepted of that is still the model's choice.
        avoid: Ids that are never drawn: the special ones.

    Returns:
        `count` lists of `length` ids, each row drawn anew.

    Raises:
        ValueError: A number is out of range, or `avoid` leaves nothing to draw.
    """
    if count < 1 or length < 1 or vocab_size < 1:
        raise ValueError(f"count, length and vocab_size must be >= 1, got {count}, {length} and {vocab_size}")
    return _prompts(_draws(seed), [length] * count, vocab_size=vocab_size, repeated=repeated, avoid=avoid)


def special_ids(folder: str | Path) -> frozenset[int]:
    """Ids of the special tokens of the tokenizer in `folder`; none where there is no `tokenizer.json` to read.

    Reading the file takes milliseconds where building the tokenizer takes seconds.
    """
    try:
        tokenizer = json_object(read_file(Path(folder) / "tokenizer.json", MOST_TOKENIZER_BYTES))
        added = tokenizer.get("added_tokens") or []
        return frozenset(token["id"] for token in added if token.get("special"))
    except (OSError, ValueError, AttributeError, KeyError, TypeError):  # a foreign file: its special ids stay unknown
        return frozenset()


def _draws(seed: int) -> random.Random:
    # a string as seed is hashed by SHA-512: unlike with integers, near seeds give unrelated streams
    return random.Random(f"joules prompts {seed}")


def _prompts(
    draw: random.Random, lengths: Sequence[int], *, vocab_size: int, repeated: bool, avoid: Collection[int]
) -> list[list[int]]:
    """One prompt of each length, drawn on."""
    unwanted = frozenset(avoid)
    if unwanted.issuperset(range(vocab_size)):
        raise ValueError(f"all {vocab_size} ids of the vocabulary are to be avoided; at least one must be left")
    return [_prompt(draw, length, vocab_size, unwanted, repeated) for length in lengths]


def _prompt(draw: random.Random, length: int, vocab_size: int, unwanted: frozenset[int], repeated: bool) -> list[int]:
    drawn = min(PATTERN_TOKENS, max(1, length // 2)) if repeated else length
    tokens: list[int] = []
    while len(tokens) < drawn:  # drawing again costs nothing: special ids are few
        candidates = draw.choices(range(vocab_size), k=drawn - len(tokens))
        tokens += [token for token in candidates if token not in unwanted]
    return (tokens * -(-length // drawn))[:length]
