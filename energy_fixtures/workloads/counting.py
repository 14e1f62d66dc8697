"""How many tokens a text has: counted by a tokenizer, or estimated where the user chose that."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from energy_fixtures.errors import ConfigurationError

ESTIMATE = "estimate"
BYTES_PER_TOKEN = 4  # a rule of thumb for English; other languages and code differ by a factor of two and more


class Counting(Protocol):
    """Counts tokens."""

    @property
    def doubt(self) -> str | None:
        """What weakens the counts."""

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""


@dataclass(frozen=True)
class Estimated:
    """UTF-8 bytes by four, rounded up."""

    doubt: str | None = f"token counts are estimates: UTF-8 bytes / {BYTES_PER_TOKEN}, no tokenizer has counted them"

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, roughly."""
        return [-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts]


@dataclass(frozen=True)
class Tokenized:
    """Counted as the model sees it, with the special tokens that its tokenizer adds."""

    tokenizer: Any
    doubt: str | None = None

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts))]


def counting(tokenizer: str | None, path: Path) -> Counting:
    """What counts the texts of the trace at `path`.

    Args:
        tokenizer: A folder with a tokenizer.json, that file itself, or `estimate`.
        path: The trace, for the sentence.

    Raises:
        ConfigurationError: Nothing was named, or the tokenizer is not there or cannot be read.
    """
    if tokenizer is None:
        raise ConfigurationError(
            f"{path} holds texts, whose tokens have to be counted: joules workload takes a folder with the model's "
            f"tokenizer.json (--tokenizer FOLDER), or rough numbers (--tokenizer {ESTIMATE}); to measure, name a trace of lengths, "
            "which --lengths FILE writes there"
        )
    if tokenizer == ESTIMATE:
        return Estimated()
    named = Path(os.path.expanduser(tokenizer))
    file = named / "tokenizer.json" if os.path.isdir(named) else named
    if not os.path.isfile(file):
        raise ConfigurationError(
            f"no tokenizer.json in {tokenizer}; give the folder of the model, as its page offers it for download"
        )
    try:
        library: Any = importlib.import_module("tokenizers")
    except ImportError as error:
        raise ConfigurationError(
            "counting tokens needs the package tokenizers, which comes with pytest-joules[transformers]"
        ) from error
    try:
        found = library.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exceptions for a file that it cannot read
        raise ConfigurationError(f"{file} cannot be read as a tokenizer: {error}") from error
    found.no_truncation()
    found.no_padding()
    return Tokenized(found)
