"""A byte-level tokenizer for any vocabulary size, written as the files that AutoTokenizer and vLLM read.

Every id of the vocabulary decodes, so that prompts can be drawn as token ids; text is encoded byte by byte.
Nothing is imported: a tokenizer is two JSON files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

BOS, EOS, PAD = "<s>", "</s>", "<pad>"


@dataclass(frozen=True)
class Vocabulary:
    """Which id stands for what: special tokens where a model's configuration wants them, bytes at the lowest others.

    Attributes:
        tokens: Token of every id in order; as many as the model's embedding has rows.
        special: The special tokens among them.
        bos: Token that begins a text, where the model has one.
        eos: Token that ends a text.
        pad: Token that fills a batch; the end token where the model has none of its own.
    """

    tokens: tuple[str, ...]
    special: tuple[str, ...]
    bos: str | None
    eos: str
    pad: str


def byte_alphabet() -> tuple[str, ...]:
    """The printable character that byte-level BPE (GPT-2's `bytes_to_unicode`) writes for each byte 0..255."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spare = iter(range(256, 512))
    return tuple(chr(byte if byte in printable else next(spare)) for byte in range(256))


def vocabulary(size: int, *, eos: int, bos: int | None = None, pad: int | None = None) -> Vocabulary:
    """A vocabulary of `size` tokens with the special ones at the given ids (two of them may share one).

    Raises:
        ValueError: `size` leaves no room for 256 bytes beside the special tokens.
    """
    at: dict[int, str] = {}
    for token, position in ((EOS, eos), (BOS, bos), (PAD, pad)):
        if position is not None:
            at.setdefault(position, token)
    if size < 256 + len(at) or not 0 <= min(at) <= max(at) < size:
        raise ValueError(f"a byte-level vocabulary with special tokens at {sorted(at)} does not fit into {size} ids")
    plain = iter(byte_alphabet())
    tokens = tuple(at[position] if position in at else next(plain, f"<{position}>") for position in range(size))
    return Vocabulary(
        tokens=tokens,
        special=tuple(at[position] for position in sorted(at)),
        bos=None if bos is None else at[bos],
        eos=at[eos],
        pad=at[eos] if pad is None else at[pad],
    )


def tokenizer_files(words: Vocabulary, longest_tokens: int) -> Mapping[str, str]:
    """Contents of `tokenizer.json` and `tokenizer_config.json`; `longest_tokens` is the model's context."""
    ids = {token: position for position, token in enumerate(words.tokens)}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [
        {
            "id": ids[token],
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for token in words.special
    ]
    tokenizer: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [],
        },
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": words.bos,
        "eos_token": words.eos,
        "pad_token": words.pad,
        "clean_up_tokenization_spaces": False,
        "model_max_length": longest_tokens,
    }
    return {
        "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False),
        "tokenizer_config.json": json.dumps(settings, indent=1),
    }
