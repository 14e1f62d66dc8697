"""Service levels: read as typed, held against answers."""

from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Request
from energy_fixtures.serving.slo import is_good, is_met, service_level, worded


def answer(ttft_s, e2e_s, tokens=11):
    """An answer of so many tokens."""
    return Request(input_tokens=1, output_tokens=tokens, finish_reason="length", ttft_s=ttft_s, e2e_s=e2e_s)


def test_a_level_is_read():
    """Latency, percentile and milliseconds become a share and seconds."""
    level = service_level("ttft_p99_ms:500, tpot_p99.9_ms:50,e2el_p50_ms:2000")

    assert [(one.latency, one.share, one.seconds) for one in level.limits] == [
        ("ttft", 0.99, 0.5),
        ("tpot", pytest.approx(0.999), 0.05),
        ("e2el", 0.5, 2.0),
    ]
    assert worded(level) == "TTFT p99 <= 500 ms, TPOT p99.9 <= 50 ms, E2EL p50 <= 2000 ms"


@pytest.mark.parametrize(
    "text",
    ["", "ttft", "ttft_p99_ms:", "ttft_p99_s:1", "itl_p99_ms:5", "ttft_p0_ms:5", "ttft_p101_ms:5", "ttft_p99_ms:0"],
)
def test_what_is_no_limit_is_refused(text):
    """The sentence shows how a limit is written."""
    with pytest.raises(ConfigurationError, match=r"give"):
        service_level(text)


def test_a_latency_is_limited_once():
    """Two limits of one latency contradict each other."""
    with pytest.raises(ConfigurationError, match="ttft is limited twice"):
        service_level("ttft_p99_ms:500,ttft_p50_ms:100")


def test_a_good_request_keeps_every_limit():
    """One limit that is not kept is enough; the percentile does not matter to a single request."""
    level = service_level("ttft_p50_ms:500,tpot_p50_ms:50")

    assert is_good(answer(0.5, 1.0), level)
    assert not is_good(answer(0.51, 1.0), level)
    assert not is_good(answer(0.1, 0.1 + 10 * 0.051), level)


def test_one_token_has_no_tpot_to_break():
    """A latency that a request cannot have is kept."""
    assert is_good(answer(0.1, 0.1, tokens=1), service_level("tpot_p99_ms:1"))


def test_failed_requests_keep_nothing():
    """The share is of all that were sent: nine good answers of eleven requests are not ninety percent."""
    level = service_level("ttft_p90_ms:500")
    good = [answer(0.1, 1.0)] * 9

    assert is_met(good, 10, level)
    assert not is_met(good, 11, level)
    assert not is_met([*good[:8], answer(0.6, 1.0)], 9, level)
