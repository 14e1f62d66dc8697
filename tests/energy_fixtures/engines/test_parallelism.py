"""Cases that want more boards or cores than there are are told so before anything loads."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.engines.parallelism import refusal
from energy_fixtures.records import Scenario

BASE = Scenario(engine="vllm", batch_size=8, input_tokens=8, output_tokens=8)


@pytest.mark.parametrize(
    ("fields", "device", "boards", "words"),
    [
        ({"tensor_parallel": 4}, "cpu", None, "4 parts of the work need a CPU core each and this process may use 2"),
        ({"pipeline_parallel": 2}, "cpu", None, "pipeline parallelism crashes in vLLM's CPU build"),
        ({"tensor_parallel": 2, "data_parallel": 2}, "cuda", 2, "needs 4 GPUs and this machine has 2"),
        (
            {"tensor_parallel": 2, "engine": "transformers"},
            "cuda",
            8,
            "the Transformers engine holds a model on one board",
        ),
    ],
    ids=["cores", "pipeline", "boards", "Transformers"],
)
def test_what_does_not_fit_is_refused(fields: dict[str, object], device: str, boards: int | None, words: str) -> None:
    """One sentence with what is needed and what is there."""
    reason = refusal(msgspec.structs.replace(BASE, **fields), device, boards=boards, cores=2)  # type: ignore[arg-type]

    assert reason is not None and words in reason


@pytest.mark.parametrize(
    ("fields", "device", "boards"),
    [
        ({}, "cpu", None),
        ({"tensor_parallel": 2}, "cpu", None),
        ({"data_parallel": 2}, "cpu", None),
        ({"data_parallel": 2, "engine": "transformers"}, "cuda", 2),
        ({"pipeline_parallel": 4}, "cuda", 4),
        ({"tensor_parallel": 4}, "cuda", None),  # nobody can tell how many there are
    ],
)
def test_what_fits_is_not(fields: dict[str, object], device: str, boards: int | None) -> None:
    """As many boards or cores as parts are enough."""
    assert refusal(msgspec.structs.replace(BASE, **fields), device, boards=boards, cores=2) is None  # type: ignore[arg-type]


def test_copies_need_a_request_each() -> None:
    """A batch smaller than the number of copies is no Scenario: a copy would idle, and its board would count."""
    with pytest.raises(ValueError, match="2 copies of the model need a batch of at least as many"):
        msgspec.structs.replace(BASE, batch_size=1, data_parallel=2)
