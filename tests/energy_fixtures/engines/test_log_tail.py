from __future__ import annotations

import tempfile
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.engines.log_tail import MAX_BYTES, MAX_LINES, informative, log_tail


@given(st.text())
def test_a_tail_is_short_and_harmless(text: str) -> None:
    """Whatever was written, the tail has at most 15 lines and 4 kB, none of them empty, without control characters."""
    tail = informative(text)
    assert len(tail.encode()) <= MAX_BYTES
    lines = tail.split("\n") if tail else []
    assert len(lines) <= MAX_LINES
    assert all(line.strip() for line in lines)
    assert not any(unicodedata.category(letter) == "Cc" for line in lines for letter in line if letter != "\t")


def test_progress_bars_and_colours_are_left_out() -> None:
    """Of a log with bars and colours the sentences remain, in order."""
    log = (
        "\x1b[32mINFO\x1b[0m loading\r\n"
        "Loading weights:   0%|          | 0/39 [00:00<?, ?it/s]"
        "\rLoading weights: 100%|████| 39/39 [00:00<00:00, 2.1it/s]\n"
        "\n"
        "half a line\rRuntimeError: no kernel image\x07\n"
    )
    assert informative(log) == "INFO loading\nRuntimeError: no kernel image"


def test_the_end_of_a_long_log_is_read() -> None:
    """Of a log larger than what is read back, the last lines arrive whole and the file's offset stays."""
    with tempfile.TemporaryFile() as log:
        log.writelines(f"line {number}\n".encode() for number in range(20_000))
        log.flush()
        offset = log.tell()
        assert log_tail(log).split("\n") == [f"line {number}" for number in range(20_000 - MAX_LINES, 20_000)]
        assert log.tell() == offset
