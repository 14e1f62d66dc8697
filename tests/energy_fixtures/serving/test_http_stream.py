"""HTTP answers in pieces: the same body however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.serving.http_stream import Answer, ProtocolError

OK = b"HTTP/1.1 200 OK\r\n"


def chunked(parts):
    """A chunked answer."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def cut(data, places):
    """The bytes in pieces."""
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[since:until] for since, until in itertools.pairwise(ends)]


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5), st.lists(st.integers(0, 500), max_size=8))
def test_chunks_come_out_whole(parts, places):
    """The body of a chunked answer is the same however its bytes arrive, and its end is seen."""
    answer = Answer()
    body = b"".join(answer.feed(piece) for piece in cut(chunked(parts), places) if piece)

    assert body == b"".join(parts)
    assert answer.complete and answer.status == 200 and answer.keep_alive


@given(st.binary(max_size=40), st.lists(st.integers(0, 200), max_size=4))
def test_a_length_ends_the_body(content, places):
    """With a Content-Length the answer ends after so many bytes."""
    data = OK + b"content-length: %d\r\n\r\n" % len(content) + content
    answer = Answer()
    body = b"".join(answer.feed(piece) for piece in cut(data, places) if piece)

    assert body == content and answer.complete


def test_without_a_length_the_connection_ends_the_body():
    """An answer without framing is complete when the connection is closed, and not before."""
    answer = Answer()
    assert answer.feed(OK + b"\r\nabc") == b"abc" and not answer.complete

    answer.closed()
    assert answer.complete and not answer.keep_alive


def test_an_interim_answer_is_passed_over():
    """`100 Continue` is not the answer."""
    answer = Answer()
    body = answer.feed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nno")

    assert (answer.status, body, answer.complete) == (429, b"no", True)


def test_a_closing_server_is_believed():
    """`Connection: close` forbids another request on the same connection."""
    answer = Answer()
    answer.feed(OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")

    assert answer.complete and not answer.keep_alive


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        OK + b"Content-Length: many\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 80,
        b"a" * 70_000,
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 " + b"9" * 5000 + b"\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        *(OK + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" for size in (b"-10", b"+5", b"5_0", b"0x5", b"")),
    ],
)
def test_what_is_no_answer_is_refused(data):
    """Other protocols, broken sizes and endless heads are an error and not an empty body."""
    with pytest.raises(ProtocolError):
        Answer().feed(data)
