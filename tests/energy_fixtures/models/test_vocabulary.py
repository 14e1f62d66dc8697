"""The byte-level tokenizer: every id means something, and text comes back as it went in."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.models.vocabulary import BOS, EOS, PAD, byte_alphabet, tokenizer_files, vocabulary


def test_the_alphabet_has_a_character_for_each_byte() -> None:
    """256 bytes have 256 different printable characters, as the tokenizers library draws them."""
    tokenizers = pytest.importorskip("tokenizers")
    assert sorted(byte_alphabet()) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())


@given(st.integers(300, 2000), st.integers(0, 299), st.none() | st.integers(0, 299), st.none() | st.integers(0, 299))
def test_special_tokens_stand_where_the_configuration_wants_them(
    size: int, eos: int, bos: int | None, pad: int | None
) -> None:
    """Every vocabulary has the wanted size, no token twice, all 256 bytes, and the special tokens at their ids."""
    words = vocabulary(size, eos=eos, bos=bos, pad=pad)
    assert len(words.tokens) == len(set(words.tokens)) == size
    assert set(byte_alphabet()) <= set(words.tokens)
    assert words.tokens[eos] == words.eos
    assert bos is None or words.tokens[bos] == words.bos
    assert words.tokens[eos if pad is None else pad] == words.pad


def test_tokens_that_share_an_id_share_a_name() -> None:
    """A model that begins and ends texts with one token, as Qwen does, has one token for both."""
    words = vocabulary(300, eos=299, bos=299)
    assert (words.bos, words.eos, words.pad, words.special) == (EOS, EOS, EOS, (EOS,))
    assert vocabulary(300, eos=2, bos=1, pad=0).special == (PAD, BOS, EOS)


@pytest.mark.parametrize(("size", "eos"), [(256, 0), (300, 300), (300, -1)])
def test_a_vocabulary_too_small_for_its_tokens_is_refused(size: int, eos: int) -> None:
    """Bytes and special tokens all need an id inside the vocabulary."""
    with pytest.raises(ValueError, match="does not fit"):
        vocabulary(size, eos=eos)


@functools.cache
def _tokenizer(size: int, eos: int) -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    return tokenizers.Tokenizer.from_str(tokenizer_files(vocabulary(size, eos=eos), 1024)["tokenizer.json"])


@given(st.text(max_size=60).filter(lambda text: EOS not in text))
def test_text_comes_back(text: str) -> None:
    """Any text is encoded into one id per byte of its UTF-8 form and decoded to itself."""
    tokenizer = _tokenizer(512, eos=257)
    ids = tokenizer.encode(text).ids
    assert len(ids) == len(text.encode())
    assert tokenizer.decode(ids) == text


@given(st.lists(st.integers(0, 511), max_size=50))
def test_every_id_decodes(ids: list[int]) -> None:
    """Token ids drawn at random, as prompts are, all stand for text."""
    tokenizer = _tokenizer(512, eos=257)
    assert all(tokenizer.id_to_token(position) for position in ids)
    assert bool(tokenizer.decode(ids, skip_special_tokens=False)) == bool(ids)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_room_for_its_tokens(name: str) -> None:
    """The tokenizer of each shape has an entry for each embedding row."""
    config: Any = SHAPES[name].config
    words = vocabulary(
        config["vocab_size"],
        eos=config["eos_token_id"],
        bos=config.get("bos_token_id"),
        pad=config.get("pad_token_id"),
    )
    vocab = json.loads(tokenizer_files(words, 1024)["tokenizer.json"])["model"]["vocab"]
    assert sorted(vocab.values()) == list(range(config["vocab_size"]))
