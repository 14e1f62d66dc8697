"""The event stream: chunks are counted however the bytes are cut, and broken ones are told."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.serving.events import LONGEST_EVENT, Events, ServerError, StreamError


def token(reason=None, text=" a", spaced=False):
    """One chunk of one token."""
    chunk = {"id": "x", "choices": [{"index": 0, "text": text, "finish_reason": reason}]}
    return b"data: " + json.dumps(chunk, separators=None if spaced else (",", ":")).encode() + b"\n\n"


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = token() + b": a comment\n\n" + token(text='"choices":[{') + token("length") + USAGE + DONE


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12), st.booleans())
def test_cuts_do_not_matter(places, carriage_returns):
    """Chunks, usage, end and reason are the same however the stream is cut, with either kind of line end."""
    stream = WHOLE.replace(b"\n", b"\r\n") if carriage_returns else WHOLE
    ends = [0, *sorted(places), len(stream)]
    events = Events()
    new = sum(events.feed(stream[since:until]) for since, until in itertools.pairwise(ends))

    assert new == events.chunks == 3
    assert events.done and events.finish_reason == "length"
    assert (events.usage.prompt_tokens, events.usage.completion_tokens) == (7, 3)


def test_json_with_spaces_is_read():
    """Servers that write JSON with spaces are counted alike."""
    events = Events()

    assert events.feed(token(spaced=True) + token("stop", spaced=True) + DONE) == 2
    assert events.finish_reason == "stop" and events.usage is None


@pytest.mark.parametrize(
    "stream",
    [b"data: {oops\n\n", b"<html>\n\n", b'data: {"choices": 3}\n\n', b"data: {}\n\n", b"data: a\ndata: b\n\n"],
)
def test_what_is_no_chunk_is_refused(stream):
    """Broken JSON, other formats and empty chunks are an error."""
    with pytest.raises(StreamError):
        Events().feed(stream)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (token("length") + token(), "tokens after its finish_reason"),
        (token() + DONE + token(), r"more after \[DONE\]"),
        (token() + DONE + USAGE, r"more after \[DONE\]"),
        (b"data: " + b"a" * (LONGEST_EVENT + 1), "an event of more than"),
        (USAGE.replace(b"7", b"-7"), "a chunk"),
        (USAGE.replace(b"7", b"9" * 30), "a chunk"),
        (USAGE.replace(b"7", b"1e99"), "a chunk"),
        (token("\u00e9", spaced=True).replace(b"\\u00e9", b"\xff"), "a chunk"),
        (b'data: {"choices":[{"a":' + b"[" * 100_000 + b"\n\n", "a chunk"),
    ],
)
def test_what_no_server_may_send_is_refused(stream, said):
    """Tokens after the end, events without one, token counts that are none, text that is no UTF-8: each is told, none counted."""
    with pytest.raises(StreamError, match=said):
        Events().feed(stream)


def test_an_empty_last_chunk_may_repeat_the_reason():
    """Servers that send the reason again, beside the usage and without text, are believed."""
    last = token("length", text="")[:-3] + b',"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'
    events = Events()
    events.feed(token("length") + last + b": ping\n\n" + DONE + b": bye\n\n")

    assert events.finish_reason == "length" and events.usage.completion_tokens == 1


def test_a_reason_is_a_word():
    """A server's finish_reason is kept as far as a word may be long."""
    events = Events()
    events.feed(token("x" * 5000) + DONE)

    assert events.finish_reason == "x" * 40


def test_an_error_inside_the_stream_is_the_servers_own():
    """An error that the server sends as an event is told with its words."""
    with pytest.raises(ServerError, match="out of memory"):
        Events().feed(b'data: {"error": {"message": "out of memory"}}\n\n')
