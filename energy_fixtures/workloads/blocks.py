"""A file of lines as blocks of whole lines: unpacked where it is gzip, hashed on the way, never in memory as a whole."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TRACE_BYTES, MOST_UNPACKED, SMALL_UNPACKED_BYTES, Refused
from energy_fixtures.units import shortened

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 4 << 20  # larger ones are no quicker: the memory of each comes from the system anew
HEAD_BYTES = 64 << 10
MOST_LINE_BYTES = 64 << 20
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def shown(text: str, most: int = 200) -> str:
    """A text from a file for a sentence: one line, short, and nothing in it that steers a terminal."""
    return shortened("".join(letter if letter.isprintable() else " " for letter in text), most)


class Source:
    """A file of lines.

    Attributes:
        path: Where it lies.
        sha256: Of the file as it lies on disk, hex digits; known when its last block was taken, None before.
        unpacked_sha256: Of what is in it, where it is packed; None where it is not.
    """

    def __init__(self, path: Path, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self.sha256: str | None = None
        self.unpacked_sha256: str | None = None
        self._block_bytes = block_bytes

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, about `block_bytes` at a time, as UTF-8 without a byte order mark; the last line may lack its end.

        Raises:
            ConfigurationError: The file cannot be read, is no whole gzip file, is not UTF-8, or has a line without end.
        """
        with self._opened() as unpacked:
            yield from self._whole_lines(unpacked)

    def whole(self) -> bytes:
        """Everything at once, for formats without lines; errors as with `blocks`."""
        with self._opened() as unpacked:
            content = bytes(unpacked.read(MOST_TRACE_BYTES + 1))
            if len(content) > MOST_TRACE_BYTES:
                raise ConfigurationError(
                    f"{self.path} holds more than the {MOST_TRACE_BYTES >> 30} GiB that are read at once; cut it into parts"
                )
            return self._checked(content.removeprefix(BYTE_ORDER_MARK), 0)

    def head(self) -> str:
        """The beginning, enough to recognise a format by; errors as with `blocks`, and where it is no text."""
        with self._opened(to_the_end=False) as unpacked:
            beginning = bytes(unpacked.read(HEAD_BYTES)).removeprefix(BYTE_ORDER_MARK)
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(beginning)  # its last letter may be cut
        except UnicodeDecodeError as error:
            raise self._no_text(f"byte {error.start + 1}") from error
        if "\0" in text:
            raise self._no_text(f"byte {text.index(chr(0)) + 1}")
        return text

    @contextlib.contextmanager
    def _opened(self, *, to_the_end: bool = True) -> Iterator[io.BufferedReader[_Hashed]]:
        """The file, unpacked where it is packed; its checksums are known where it was read to the end."""
        try:
            with self.path.open("rb", buffering=0) as file:
                raw = _Hashed(file)
                packed = io.BufferedReader(raw, 1 << 20)
                is_packed = packed.peek(2)[:2] == GZIP_MAGIC
                inside = _Unpacked(gzip.GzipFile(fileobj=packed), raw) if is_packed else raw
                yield io.BufferedReader(inside, 1 << 20) if is_packed else packed
                while to_the_end and packed.read(1 << 20):  # what follows the packed data belongs to the file
                    pass
                if to_the_end:
                    self.sha256 = raw.digest.hexdigest()
                    self.unpacked_sha256 = inside.digest.hexdigest() if is_packed else None
        except Refused as error:
            raise ConfigurationError(f"{self.path} is no trace: {error}") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ConfigurationError(
                f"{self.path} is not a whole gzip file ({str(error).rstrip('.').lower()}); fetch or copy it again"
            ) from error
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _whole_lines(self, unpacked: io.BufferedReader[_Hashed]) -> Iterator[bytes]:
        rest, number = b"", 0
        while block := unpacked.read(self._block_bytes):
            if number == 0 and not rest:
                block = block.removeprefix(BYTE_ORDER_MARK)
            end = block.rfind(b"\n") + 1
            if end:
                yield self._checked(b"".join((rest, memoryview(block)[:end])), number)
                number, rest = number + 1, block[end:]
            elif len(rest) < MOST_LINE_BYTES:
                rest += block
            else:
                raise ConfigurationError(f"{self.path} has a line of more than {len(rest):,} bytes; it is no trace")
        if rest:
            yield self._checked(rest, number)

    def _checked(self, block: bytes, number: int) -> bytes:
        if not block.isascii():
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as error:
                raise self._no_text(f"byte {error.start + 1} of block {number + 1}") from error
        return block

    def _no_text(self, place: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path} is not UTF-8 text ({place}); give a trace as text, or packed with gzip")


class _Hashed(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.count = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: WriteableBuffer, /) -> int:
        """Read once, as the stream gives it."""
        count = self._stream.readinto(into) or 0
        self.digest.update(memoryview(into)[:count])
        self.count += int(count)
        return int(count)


class _Unpacked(_Hashed):
    """What is in a packed stream, as long as it is not out of all proportion to what was read of the file."""

    def __init__(self, stream: Any, packed: _Hashed) -> None:
        super().__init__(stream)
        self._packed = packed

    def readinto(self, into: WriteableBuffer, /) -> int:
        """Read once.

        Raises:
            Refused: It unpacks to more than any text does.
        """
        count = super().readinto(into)
        if self.count > SMALL_UNPACKED_BYTES and self.count > MOST_UNPACKED * self._packed.count:
            raise Refused(f"it unpacks to more than {MOST_UNPACKED} times its size")
        return count
