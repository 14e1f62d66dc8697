"""The floor of requests that differ in length or in when they come: of a replay, of a server.

    operations   of each request by itself
    cache        of each request by itself
    weights      once a pass, and a pass yields at most one token (1 + look-ahead) for each of B requests

Prompts and later tokens may share a pass, so that both phases have one bound together and none of their own. Of a mixture of
experts a pass reads those of one token at least: how many tokens share it, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from energy_fixtures.models.architecture import bytes_per_parameter
from reports.boards import Board
from reports.ideal.floor import Bound, Job, bound_of, rest_of
from reports.ideal.flops import decode_flops, prefill_flops
from reports.ideal.traffic import Traffic, decode_traffic, pass_weights, prefill_traffic


@dataclass(frozen=True, kw_only=True)
class ServedFloor:
    """Of all requests of one iteration, on all boards."""

    board: Board
    idle_w: float | None
    bound: Bound

    @property
    def floor_j(self) -> float:
        """Of both phases together."""
        return self.bound.floor_j


def floor_of_requests(
    requests: Mapping[tuple[int, int], float], job: Job, board: Board, *, boards: int = 1, idle_w: float | None = None
) -> ServedFloor:
    """The floor of requests of any lengths.

    Args:
        requests: How many of each pair of input and output tokens, on average where iterations differ; at least one pair.
        job: Model, number formats and look-ahead; `batch_size` is the most requests that share a pass. Its lengths do
            not matter.
        board: Row of the board table.
        boards: All that work, whole copies of the model included.
        idle_w: Power at rest of one board, where it is known better than the table does.

    Raises:
        ConfigurationError: As `floor_of`.
    """
    rest_w = rest_of(board, idle_w)
    weight_bytes = bytes_per_parameter(job.dtype)
    shape, ahead = job.shape, job.tokens_per_step
    flop = read = written = shared = 0.0
    for (given, made), count in requests.items():
        prompt = prefill_traffic(
            shape, batch_size=1, input_tokens=given, dtype_bytes=weight_bytes, kv_bytes=job.kv_bytes
        )
        steps = decode_traffic(
            shape,
            batch_size=1,
            input_tokens=given,
            output_tokens=made,
            tokens_per_step=ahead,
            dtype_bytes=weight_bytes,
            kv_bytes=job.kv_bytes,
        )
        flop += count * prefill_flops(shape, batch_size=1, input_tokens=given).total
        flop += count * decode_flops(shape, batch_size=1, input_tokens=given, output_tokens=made).total
        read += count * steps.cache_read
        written += count * (prompt.cache_written + steps.cache_written)
        passes = 1 + -(-(made - 1) // ahead)
        shared += count * passes / job.batch_size
    traffic = Traffic(
        weights=shared * pass_weights(shape, 1) * weight_bytes,
        cache_read=read,
        cache_written=written,
    )
    rate = board.peak_flop_s(job.computed_in(board), "dense")
    return ServedFloor(board=board, idle_w=rest_w, bound=bound_of(flop, traffic, board, rate, boards, rest_w))
