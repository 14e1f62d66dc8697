"""Files that are no trace."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.traces import read_trace


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; known are tables with TIMESTAMP,ContextTokens,GeneratedTokens"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"name,age\nx,3\n", "is of no known format: it begins with 'name,age'; known are"),
        (b"\x1b[31mred\n", r"it begins with '\[31mred'"),
        (b"PK\x03\x04\x80\x00", "is not UTF-8 text"),
        (b"TIMESTAMP,ContextTokens,GeneratedTokens", "has no usable row: 0 read"),
    ],
)
def test_a_file_that_is_no_trace_is_told_what_was_seen(tmp_path: Path, content: bytes, words: str) -> None:
    """Empty files, other tables and binary ones end in one sentence with the formats that are known."""
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_trace(path)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    """A folder is refused, not searched."""
    with pytest.raises(ConfigurationError, match="is a folder; name a trace in it"):
        read_trace(tmp_path)


def test_a_pipe_is_no_trace(tmp_path: Path) -> None:
    """What can be read only once is refused, instead of waiting for ever for the second time."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="is no regular file; write the trace to disk"):
        read_trace(tmp_path / "pipe")


def test_a_tokenizer_beside_a_table_is_refused(tmp_path: Path) -> None:
    """A table holds counts already: who names a tokenizer expects something else."""
    path = tmp_path / "t.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-12 00:00:00Z,1,1\n")
    with pytest.raises(ConfigurationError, match="a tokenizer has nothing to count there"):
        read_trace(path, "estimate")


def test_the_format_is_that_of_the_content(tmp_path: Path) -> None:
    """A packed table under another name, with a byte order mark and blanks in its header, is read."""
    path = tmp_path / "trace.json"
    table = "\ufeff TIMESTAMP , ContextTokens,GeneratedTokens\r\n2024-05-12 00:00:00Z,7,8\r\n"
    path.write_bytes(gzip.compress(table.encode()))
    seen = read_trace(path)
    assert (seen.provenance.kind, seen.input_tokens.tolist(), seen.output_tokens.tolist()) == ("azure", [7], [8])
