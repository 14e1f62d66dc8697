"""Costs from a predictor: joules per request of a deployment that nobody has measured and no table knows.

"model=shape:llama-3.1-70b,gpu=H100,gpu-count=4,batch=64"  ─►  reports.predict  ─►  Predicted
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest
from energy_fixtures.units import significant
from reports.estimate.costs import JoulesRange, Predicted
from reports.estimate.lengths import typical
from reports.estimate.scenario import Scenario
from reports.estimate.ways import PREDICTED, Priced
from reports.predict.answer import Prediction, Question, answer
from reports.predict.predictor import Predictor, read_predictor

MOST_INPUT, MOST_OUTPUT = 32_768, 32_768
"""Tokens up to which a predictor is asked; longer queries count as such."""

KEYS: Mapping[str, Callable[[str], object]] = {
    "model": str,
    "params-b": float,
    "active-params-b": float,
    "gpu": str,
    "gpu-count": int,
    "batch": int,
    "dtype": str,
    "execution": str,
}
"""What a deployment is made of: the options of `joules predict run` without the lengths, which the queries bring."""


def priced_predictions(specs: Sequence[str], predictor: Path | None, scenario: Scenario) -> tuple[Priced, ...]:
    """Every deployment, in the order typed.

    Args:
        specs: `key=value` with commas between, one text per deployment.
        predictor: A file that `joules predict fit` wrote; None for the one that ships with the package.
        scenario: For the lengths at which its doubts are told.

    Raises:
        ConfigurationError: An unknown key, board or model, a value that cannot be, weights that do not fit, or two that are alike.
    """
    known = read_predictor(predictor)
    found = tuple(_priced(_question(spec), known, scenario) for spec in specs)
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"--deployment: {twice} was given twice; leave one out")
    return found


def _question(spec: str) -> Question:
    fields: dict[str, object] = {}
    for part in spec.split(","):
        key, sign, text = (piece.strip() for piece in part.partition("="))
        if key not in KEYS or not sign or not text:
            near = f"; the nearest is {nearest(key, list(KEYS), 1)[0]}" if sign else ""
            raise ConfigurationError(
                f"--deployment {spec!r}: {part.strip()!r} is not KEY=VALUE of {', '.join(KEYS)}{near}"
            )
        try:
            fields[key.replace("-", "_")] = KEYS[key](text)
        except ValueError as error:
            raise ConfigurationError(f"--deployment {spec!r}: {key} needs a number, got {text!r}") from error
    if "gpu" not in fields:
        raise ConfigurationError(f"--deployment {spec!r} names no board; add gpu=H100, for example")
    if fields.get("execution", "eager") not in ("eager", "cuda_graphs"):
        raise ConfigurationError(f"--deployment {spec!r}: execution is eager or cuda_graphs")
    return Question(**fields)  # type: ignore[arg-type]  # the keys are its fields, the values of their kinds


def _priced(question: Question, predictor: Predictor, scenario: Scenario) -> Priced:
    def at(inputs: float, outputs: float) -> Prediction:
        return answer(
            replace(question, input_tokens=max(1, round(inputs)), output_tokens=max(1, round(outputs))), predictor
        )

    def joules(inputs: float, outputs: float) -> JoulesRange:
        told = at(inputs, outputs)
        prefill_j, decode_j = (math.fsum(told.terms[phase].values()) for phase in ("prefill", "decode"))
        figure = told.joules_per_request
        return JoulesRange(prefill_j=prefill_j, decode_j=decode_j, low_j=figure.low, high_j=figure.high)

    prompt, output = typical(scenario)
    told = at(prompt, output)
    seen, figure = told.inputs, told.joules_per_request
    notes = told.flags
    if prompt > MOST_INPUT or output > MOST_OUTPUT:
        notes = (
            *notes,
            f"the predictor is asked up to {MOST_INPUT:,} tokens; longer prompts and answers count as such",
        )
    boards = f"{seen.gpu_count} x {seen.gpu}" if seen.gpu_count > 1 else seen.gpu
    return Priced(
        name=f"{seen.model} on {boards}, batch {seen.batch}",
        cost=Predicted.ask(joules, most_input=MOST_INPUT, most_output=MOST_OUTPUT),
        basis=f"{seen.dtype}, {seen.execution}, all {seen.batch} alike; within a factor of {significant(figure.high / figure.value)} "
        f"with {figure.level:.0%} at {seen.input_tokens:,} + {seen.output_tokens:,} tokens; {told.fitted_on}",
        origin=PREDICTED,
        notes=notes,
    )
