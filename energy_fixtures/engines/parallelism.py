"""Whether this machine has the boards (or cores) over which a case wants to be spread. Pure."""

from __future__ import annotations

from typing import Literal

from energy_fixtures.records import Scenario


def refusal(
    scenario: Scenario, device: Literal["auto", "cpu", "cuda"], *, boards: int | None, cores: int
) -> str | None:
    """Why a case cannot be spread as it asks, in one sentence; None where it may be tried.

    Args:
        scenario: What is asked.
        device: Where engines run.
        boards: GPUs that this process may use, None where nobody can tell.
        cores: CPU cores that this process may use.
    """
    needed = scenario.boards
    if needed == 1:
        return None
    if scenario.engine == "transformers" and scenario.data_parallel < needed:
        return "the Transformers engine holds a model on one board; use engine vllm, or data_parallel alone"
    if device == "cpu":
        if scenario.pipeline_parallel > 1:
            return "pipeline parallelism crashes in vLLM's CPU build (0.32.0); use tensor_parallel, or GPUs"
        if cores < needed:
            return (
                f"{needed} parts of the work need a CPU core each and this process may use {cores}; use fewer, or GPUs"
            )
    elif boards is not None and boards < needed:
        return f"needs {needed} GPUs and this machine has {boards}"
    return None
