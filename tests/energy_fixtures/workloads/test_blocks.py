"""Files as blocks of whole lines."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads import blocks
from energy_fixtures.workloads.blocks import BYTE_ORDER_MARK, Source

LINES = st.lists(st.text(alphabet="ab,é", max_size=9), max_size=20)


@given(lines=LINES, ends=st.booleans(), size=st.integers(1, 40), packed=st.booleans(), marked=st.booleans())
def test_blocks_are_the_file_in_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ends: bool, size: int, packed: bool, marked: bool
) -> None:
    """Together they are the text without its byte order mark, each ends with a line, and the checksum is the file's."""
    text = ("\n".join(lines) + ("\n" if ends else "")).encode()
    path = tmp_path_factory.getbasetemp() / "lines"
    whole = (BYTE_ORDER_MARK if marked else b"") + text
    path.write_bytes(gzip.compress(whole) if packed else whole)
    source = Source(path, block_bytes=max(size, 3))

    seen = list(source.blocks())
    assert b"".join(seen) == text
    assert all(block.endswith(b"\n") for block in seen[:-1])
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.unpacked_sha256 == (hashlib.sha256(whole).hexdigest() if packed else None)
    assert source.whole() == text


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        list(Source(path).blocks())
    return str(caught.value)


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    """Half a packed file, and one with a damaged middle, are told apart from a short trace."""
    path = tmp_path / "t.csv.gz"
    packed = gzip.compress(bytes(range(32, 127)) * 500)
    path.write_bytes(packed[:-9])
    assert "is not a whole gzip file" in refusal(path) and "fetch or copy it again" in refusal(path)
    path.write_bytes(packed[:40] + b"\xff\xff\xff" + packed[43:])
    assert "is not a whole gzip file" in refusal(path)


@pytest.mark.parametrize("content", ["é\n".encode("latin-1"), "a,b\n".encode("utf-16")])
def test_other_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is not UTF-8 ends in a sentence with the place."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert "is not UTF-8 text (byte 1 of block 1)" in refusal(path)
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        Source(path).head()


def test_a_file_without_line_ends_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that never ends is given up, with its length so far."""
    monkeypatch.setattr(blocks, "MOST_LINE_BYTES", 10)
    path = tmp_path / "t.csv"
    path.write_bytes(b"x" * 100)
    with pytest.raises(ConfigurationError, match="has a line of more than 12 bytes"):
        list(Source(path, block_bytes=4).blocks())


def test_a_missing_file_and_one_with_zero_bytes_inside_are_told(tmp_path: Path) -> None:
    """What cannot be opened is named with the system's reason; binary content that happens to be UTF-8 is no text."""
    assert "cannot be read: No such file or directory" in refusal(tmp_path / "none")
    path = tmp_path / "binary"
    path.write_bytes(b"ab\0c")
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text \(byte 3\)"):
        Source(path).head()
