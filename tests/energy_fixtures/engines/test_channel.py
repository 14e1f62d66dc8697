from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.engines.base import Collected, Failed, Finished, Loaded, Prepared, Reply
from energy_fixtures.engines.channel import frame, reply_unframer
from energy_fixtures.records import Generation

REPLIES = st.one_of(
    st.builds(Loaded, facts=st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.booleans())),
    st.just(Prepared()),
    st.builds(Finished, started_s=st.floats(0, 1e9), ended_s=st.floats(0, 1e9)),
    st.builds(Failed, kind=st.just("raised"), message=st.text()),
    st.just(Collected(generation=Generation(requests=()))),
)


@given(st.lists(REPLIES, max_size=5), st.integers(1, 40))
def test_messages_survive_any_cutting(replies: list[Reply], piece: int) -> None:
    """Whatever pieces the bytes arrive in, the messages come out equal and in order."""
    stream = b"".join(map(frame, replies))
    unframer = reply_unframer()
    received: list[Reply] = []
    for start in range(0, len(stream), piece):
        received += unframer.feed(stream[start : start + piece])
    assert received == replies


def test_a_foreign_message_is_refused() -> None:
    """JSON that is no reply raises instead of passing as one."""
    with pytest.raises(msgspec.ValidationError):
        list(reply_unframer().feed(b"\0\0\0\x0e" + b'{"type":"hum"}'))
