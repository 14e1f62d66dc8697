"""The floor of requests that differ: by hand, and never above that of the same requests in one even batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from reports.boards import find_board
from reports.ideal.floor import Job, floor_of
from reports.ideal.flops import decode_flops, prefill_flops
from reports.ideal.served import floor_of_requests
from reports.ideal.traffic import pass_weights

LLAMA = architecture(SHAPES["llama-3.1-8b"].config)
JOB = Job(shape=LLAMA, batch_size=4, input_tokens=1, output_tokens=1)
H200 = find_board("H200")


def test_two_lengths_by_hand() -> None:
    """Operations are those of each request; four requests of 16 and two of 64 tokens share 48 passes of four at least."""
    bound = floor_of_requests({(128, 16): 4.0, (32, 64): 2.0}, JOB, H200).bound
    flop = sum(
        count
        * (
            prefill_flops(LLAMA, batch_size=1, input_tokens=given).total
            + decode_flops(LLAMA, batch_size=1, input_tokens=given, output_tokens=made).total
        )
        for given, made, count in ((128, 16, 4), (32, 64, 2))
    )
    token = LLAMA.kv_bytes(1, 2.0)

    assert bound.flop == pytest.approx(flop)
    assert bound.traffic.weights == pytest.approx((4 * 16 + 2 * 64) / 4 * pass_weights(LLAMA, 1) * 2)
    assert bound.traffic.cache_written == pytest.approx(token * (4 * (128 + 15) + 2 * (32 + 63)))
    assert bound.traffic.cache_read == pytest.approx(
        token * (4 * sum(range(128, 143)) + 2 * sum(range(32, 95)))  # what each step finds there
    )


@pytest.mark.parametrize("name", ["llama-3.1-8b", "mixtral-8x7b", "gemma-2b"])
@pytest.mark.parametrize("lengths", [(512, 64), (2048, 1), (8, 256)])
@pytest.mark.parametrize("ahead", [1, 5])
def test_an_even_batch_has_no_lower_floor_of_its_own(name: str, lengths: tuple[int, int], ahead: int) -> None:
    """Who may share passes between phases and requests needs no more than one who reads, then writes, all in step."""
    shape = architecture(SHAPES[name].config)
    job = Job(shape=shape, batch_size=8, input_tokens=lengths[0], output_tokens=lengths[1], tokens_per_step=ahead)
    even = floor_of(job, H200)
    free = floor_of_requests({lengths: 8.0}, job, H200)

    assert 0.2 * even.floor_j < free.floor_j <= even.floor_j * (1 + 1e-12)
    assert free.bound.flop == pytest.approx(even.prefill.flop + even.decode.flop)
    assert free.bound.traffic.total <= even.prefill.traffic.total + even.decode.traffic.total


def test_more_at_once_read_weights_less_often() -> None:
    """The floor falls with the requests that a server may take together."""
    requests = {(64, 64): 32.0}
    few, many = (floor_of_requests(requests, replace(JOB, batch_size=most), H200) for most in (4, 16))

    assert few.bound.traffic.weights == 4 * many.bound.traffic.weights
    assert few.floor_j > many.floor_j
