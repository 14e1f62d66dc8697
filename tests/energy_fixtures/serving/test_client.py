"""The load client against a server on the loopback: every answer is whole, or counted as what went wrong."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from energy_fixtures.serving import client
from energy_fixtures.serving.client import Address, Run
from energy_fixtures.serving.local import free_port
from energy_fixtures.serving.schedule import Planned
from energy_fixtures.serving.summary import answers, serving_run
from tests.energy_fixtures.serving.fake import Fake, serving

TOKENS = 6


def run_of(address, times, *, after=None, stall_s=60.0, **how):
    """A run of requests at these times, each of TOKENS tokens; `after` names the request before, by place."""
    planned = [
        Planned(at_s=at_s, after=(after or {}).get(place), input_tokens=3, output_tokens=TOKENS)
        for place, at_s in enumerate(times)
    ]
    body = {"prompt": [1, 2, 3], "max_tokens": TOKENS}
    bodies = [address.post(msgspec.json.encode(body)) for _ in planned]
    return Run(address, planned, bodies, stall_s=stall_s, **how)


def failures(run):
    """How each request ended."""
    return [sent.failure for sent in run.requests]


def test_every_answer_is_whole_and_counted():
    """Each request brings the tokens it asked for, with the server's own counts and the times between them."""
    with serving(Fake()) as server:
        run = run_of(server.address, [0.0] * 5)
        asyncio.run(run.go())

    served, done = answers(run), serving_run(run)
    assert [(one.input_tokens, one.output_tokens, one.finish_reason) for one in served] == [(3, TOKENS, "length")] * 5
    assert all(0 < one.ttft_s < one.e2e_s for one in served)
    assert done.gaps.count == 5 * (TOKENS - 1)
    assert [one.failure for one in done.requests] == [None] * 5
    assert done.duration_s >= max(one.e2e_s for one in served)


@pytest.mark.parametrize(
    ("how", "failure"),
    [
        ("500", "http_error"),
        ("error", "http_error"),
        ("429", "at_capacity"),
        ("503", "at_capacity"),
        ("400 later", "http_error"),
        ("garbage", "malformed"),
        ("json", "malformed"),
        ("negative", "malformed"),
        ("more", "malformed"),
        ("after the end", "malformed"),
        ("huge", "malformed"),
        ("no usage", "malformed"),
        ("reset", "cut_off"),
        ("end", "cut_off"),
        ("stall", "stalled"),
    ],
)
def test_a_failed_request_is_named_and_costs_no_other(how, failure):
    """What went wrong with one request is said of that one; all others bring whole answers."""
    with serving(Fake(wrong={1: how})) as server:
        run = run_of(server.address, [0.0, 0.05, 0.1, 0.15], stall_s=1.5 if how == "stall" else 60.0)
        asyncio.run(run.go())

    assert failures(run) == [None, failure, None, None]
    assert len(answers(run)) == 3
    assert run.requests[1].why
    assert serving_run(run, cut=0).steady is None


@pytest.mark.parametrize(("how", "chunks"), [("pairs", TOKENS // 2), ("empty", TOKENS)])
def test_other_ways_to_stream_are_whole_answers(how, chunks):
    """Chunks of two tokens, and of tokens that make no letter, count as the server counts them."""
    with serving(Fake(wrong={0: how})) as server:
        run = run_of(server.address, [0.0, 0.0])
        asyncio.run(run.go())

    assert failures(run) == [None, None]
    assert [one.output_tokens for one in answers(run)] == [TOKENS, TOKENS]
    assert len(run.requests[0].times_s) == chunks
    assert serving_run(run).gaps.count == chunks - 1 + TOKENS - 1


def test_the_servers_reason_is_kept_without_folders_and_keys():
    """What the first failed request of each kind was told stands in the run, and nothing private with it."""
    with serving(Fake(wrong={0: "400 later", 2: "garbage"})) as server:
        run = run_of(server.address, [0.0, 0.05, 0.1])
        asyncio.run(run.go())
    said = serving_run(run, secret="llama").said

    assert said == {
        "http_error": 'status 400: {"error": "no model *** here"}',
        "malformed": "it sent a chunk b'{oops'",
    }


def test_ipv6_is_spoken():
    """An address of IPv6 stands in brackets in the request, as servers want it."""
    address = Address(host="::1", port=9)

    assert address.at == "[::1]:9" and b"\r\nHost: [::1]:9\r\n" in address.post(b"{}")


def test_latencies_are_those_of_vllm():
    """TTFT, TPOT, E2E and gaps of one recorded stream, by hand: sent at 100 s, chunks at 100.5, 100.6 and 100.9 s, 5 tokens."""
    run = run_of(Address(host="127.0.0.1", port=9), [0.0])
    (sent,) = run.requests
    run.began_s = sent.due_s = sent.sent_s = 100.0
    sent.times_s = [100.5, 100.6, 100.9]
    sent.ended_s = 100.9
    sent.events.feed(b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n')
    (done,), gaps = answers(run), serving_run(run).gaps

    assert (done.ttft_s, done.e2e_s, done.tpot_s) == pytest.approx((0.5, 0.9, 0.1))  # (0.9 - 0.5) / (5 - 1)
    assert (gaps.count, gaps.mean_s, gaps.p50_s) == (2, pytest.approx(0.2), pytest.approx(0.2))
    assert gaps.p99_s == pytest.approx(0.298)  # between 0.1 and 0.3 as NumPy


def test_the_steady_state_by_hand():
    """B = 2 of 9 requests that end one per second: it opens with the 2nd first token, closes with the 6th answer."""
    marks = []
    run = run_of(Address(host="127.0.0.1", port=9), [0.0] * 9, full=2, on_mark=lambda mark, at_s: marks.append(mark))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "now", lambda: clock[0])
        clock = [0.0]
        asyncio.run(play(run, clock))
    done = serving_run(run)

    assert marks == ["steady_begin", "steady_end"]
    assert (done.steady.begin_s, done.steady.end_s) == (
        1.0,
        5.5,
    )  # first tokens at 0, 1, ... s, ends half a second later
    assert done.steady.output_tokens == 1 + 4 * 2  # the last of the 2nd answer, both of the 3rd to the 6th
    assert done.steady.requests == 5


async def play(run, clock):
    """Request k gets its tokens at k and k + 0.5 s, and ends there."""
    run._loop = asyncio.get_running_loop()
    run._done = run._loop.create_future()
    events = sorted([(place, place) for place in range(9)] + [(place + 0.5, place) for place in range(9)])
    for clock[0], place in events:
        sent = run.requests[place]
        run.tokens(sent, 1)
        if clock[0] > place:
            sent.events.feed(b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n')
            run.finished(sent, SimpleNamespace(abort=lambda: None), keep=False)


def test_a_queue_is_not_a_stall():
    """A request that waits for its first token while others get theirs has not stalled."""
    with serving(Fake(gap_s=0.1)) as server:
        run = run_of(server.address, [0.0] * 4, stall_s=1.5)
        server.one_at_a_time = True  # each takes 0.6 s: the last one waits for longer than the limit
        asyncio.run(run.go())

    assert failures(run) == [None] * 4
    assert max(sent.times_s[0] - sent.sent_s for sent in run.requests) > 1.5


def test_silence_before_every_first_token_is_a_stall():
    """Where nobody gets anything for the whole limit, all that wait are given up."""
    with serving(Fake(wrong={0: "hang", 1: "hang"})) as server:
        run = run_of(server.address, [0.0, 0.0], stall_s=0.2)
        asyncio.run(run.go())

    assert failures(run) == ["stalled", "stalled"]


def test_nobody_listens():
    """A refused connection is a failure of its own kind, for every request."""
    run = run_of(Address(host="127.0.0.1", port=free_port()), [0.0, 0.01])
    asyncio.run(run.go())

    assert failures(run) == ["unreachable", "unreachable"]


def test_no_more_on_their_way_than_allowed():
    """With max_concurrency the next request leaves when one has ended, and is due only then."""
    with serving(Fake()) as server:
        run = run_of(server.address, [0.0] * 7, max_concurrency=2)
        asyncio.run(run.go())

    assert server.busiest == 2
    assert failures(run) == [None] * 7
    assert all(0 <= one.sent_s - one.due_s < 0.5 for one in serving_run(run).requests)
    assert serving_run(run).requests[6].due_s > 0


def test_a_turn_follows_the_one_before():
    """A later turn is sent when the answer before it is whole."""
    with serving(Fake()) as server:
        run = run_of(server.address, [0.0, None, None], after={1: 0, 2: 1})
        asyncio.run(run.go())

    ends = [sent.ended_s for sent in run.requests]
    assert failures(run) == [None] * 3
    assert ends[0] <= run.requests[1].sent_s and ends[1] <= run.requests[2].sent_s


def test_a_conversation_ends_with_its_first_failure():
    """Turns after a failed one would repeat an answer that is not there: they fail alike and are not sent."""
    with serving(Fake(wrong={1: "500"})) as server:
        run = run_of(server.address, [0.0, None, None], after={1: 0, 2: 1})
        asyncio.run(run.go())

    assert failures(run) == [None, "http_error", "http_error"]
    assert len(server.bodies) == 2


def test_requests_leave_when_they_are_due():
    """Scheduled requests are sent in order, none before its time."""
    with serving(Fake()) as server:
        run = run_of(server.address, [0.0, 0.1, 0.2])
        asyncio.run(run.go())

    done = serving_run(run)
    assert [one.due_s for one in done.requests] == pytest.approx([0.0, 0.1, 0.2])
    assert all(one.sent_s - one.due_s > -0.002 for one in done.requests)


def test_steady_state_lies_between_its_marks():
    """The steady state opens with the Bth first token and closes when N - B - 1 answers are whole; tokens inside count."""
    marks = []
    with serving(Fake(gap_s=0.005)) as server:
        run = run_of(
            server.address, [0.0] * 9, max_concurrency=2, full=2, on_mark=lambda mark, at_s: marks.append((mark, at_s))
        )
        asyncio.run(run.go())

    done = serving_run(run)
    assert [mark for mark, _ in marks] == ["steady_begin", "steady_end"]
    assert done.steady.begin_s == pytest.approx(marks[0][1] - run.began_s)
    firsts = sorted(sent.times_s[0] for sent in run.requests)
    assert marks[0][1] == firsts[1]
    times = [at_s for sent in run.requests for at_s in sent.times_s if marks[0][1] < at_s <= marks[1][1]]
    assert done.steady.output_tokens == len(times)
    assert 0 < done.steady.output_tokens < 9 * TOKENS
    assert done.steady.requests in (5, 6)  # the last token and the end of its answer come in one packet or in two


def test_no_marks_and_no_steady_state_unless_asked_for():
    """Without B nothing is announced."""
    with serving(Fake()) as server:
        run = run_of(server.address, [0.0] * 4)
        asyncio.run(run.go())

    assert run.marks == {} and serving_run(run).steady is None
