"""A trace on disk as lengths: its format is recognised by what is in it, never by its name."""

from __future__ import annotations

from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads import counted, tables, texts
from energy_fixtures.workloads.blocks import Source, shown
from energy_fixtures.workloads.counting import counting
from energy_fixtures.workloads.lengths import Lengths

FORMATS = (
    "known are tables with TIMESTAMP,ContextTokens,GeneratedTokens (Azure) or Timestamp,Request tokens,Response tokens "
    "(BurstGPT), JSON lines with prompt and output_tokens (vLLM), an array of conversations (ShareGPT), and what --lengths writes"
)


def read_trace(path: Path, tokenizer: str | None = None) -> Lengths:
    """Every usable request of a trace.

    Args:
        path: The file, plain or packed with gzip.
        tokenizer: For traces that hold texts: a folder with a tokenizer.json, or `estimate`.

    Raises:
        ConfigurationError: The file cannot be read, is empty, of an unknown format, or without a usable request.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name a trace in it")
    if not path.is_file():  # a pipe can be read only once, and a trace is looked at before it is read
        raise ConfigurationError(f"{path} is no regular file; write the trace to disk and name that file")
    source = Source(path)
    head = source.head()
    beginning = head.lstrip()
    if not beginning:
        raise ConfigurationError(f"{path} is empty; {FORMATS}")
    if beginning.startswith("{"):
        return texts.read_custom(source, counting(tokenizer, path))
    if beginning.startswith("["):
        return texts.read_sharegpt(source, counting(tokenizer, path))
    header = head.splitlines()[0]
    if counted.is_counted(header):
        refuse_tokenizer(tokenizer, path)
        return counted.read(source, header)
    known = tables.recognise(header)
    if known is None:
        raise ConfigurationError(f"{path} is of no known format: it begins with {shown(header, 80)!r}; {FORMATS}")
    refuse_tokenizer(tokenizer, path)
    return tables.read(source, *known)


def refuse_tokenizer(tokenizer: str | None, path: Path) -> None:
    """Of a trace of numbers nothing can be counted.

    Raises:
        ConfigurationError: A tokenizer was named.
    """
    if tokenizer is not None:
        raise ConfigurationError(f"{path} holds token counts; a tokenizer has nothing to count there, leave it out")
