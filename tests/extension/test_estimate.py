"""The extension's figures are the product's: the same joules and intervals as Python, to 1e-9."""

from __future__ import annotations

import itertools
import json
import math
import random

import pytest

from reports.estimate.scenario import Scenario
from reports.predict.answer import doubt
from reports.predict.physics import Work, cost, room_bytes
from reports.predict.predictor import read_predictor
from tools.build_extension import SOURCES

PREDICTOR = read_predictor()
SHAPES = {shape.name: shape for shape in PREDICTOR.shapes}
ASSUMPTIONS = json.loads((SOURCES / "assumptions.json").read_text(encoding="utf-8"))
SERVING = ASSUMPTIONS["serving"]
CACHED, EXECUTION = SERVING["cached_share"], SERVING["execution"]


@pytest.fixture
def page(browser):
    """The options page, which has every module of the extension."""
    tab = browser.page("options")
    yield tab
    assert tab.complaints == []
    tab.close()


def drawn(seed, count):
    """Random questions to the predictor: every board, many models, lengths over five orders."""
    rng = random.Random(seed)
    for _ in range(count):
        work = {
            "batch": round(math.exp(rng.uniform(0, 7))),
            "input_tokens": round(math.exp(rng.uniform(0, 12)), 2),
            "output_tokens": round(math.exp(rng.uniform(0, 11)), 2),
            "boards": rng.choice([1, 2, 4, 8, 16, 32]),
            "weight_bytes": rng.choice([0.5, 1.0, 2.0, 4.0]),
            "whole_numbers": rng.random() < 0.3,
            "execution": rng.choice(["eager", "cuda_graphs", "transformers"]),
        }
        yield rng.choice(PREDICTOR.shapes), rng.choice(PREDICTOR.machines), work


def test_predictions_are_pythons(page):
    """Joules, both phases, interval and seconds of 400 random requests are Python's to 1e-9."""
    asked = list(drawn(7, 400))
    plain = json.dumps([[shape.name, machine.name, work] for shape, machine, work in asked])
    found = page.ask(
        f"""Promise.all([import("../model/predict.js"), import("../model/data.js")]).then(([{{ predict }}, {{ product }}]) => {{
          const find = (list, name) => list.find((one) => one.name === name), file = product.predictor;
          return {plain}.map(([shape, machine, work]) => predict(file, find(file.shapes, shape), find(file.machines, machine), work));
        }})"""
    )
    for (shape, machine, work), said in zip(asked, found, strict=True):
        whole = Work(**work)
        known = cost(shape, machine, whole, PREDICTOR.constants)
        half, _ = doubt(shape, machine, whole, PREDICTOR, concurrent=known.concurrent)
        wanted = {
            "joules": known.joules,
            "prefill_j": math.fsum(known.prefill.values()),
            "decode_j": math.fsum(known.decode.values()),
            "low": known.joules * math.exp(-half),
            "high": known.joules * math.exp(half),
            "half": half,
            "seconds": known.seconds,
        }
        assert said == {name: pytest.approx(value, rel=1e-9, abs=1e-300) for name, value in wanted.items()}


def watt_hours(model, answer, pue):
    """An answer's Wh with its interval, in Python: the prompt's uncached tokens are read, then each token sees everything."""
    base = Scenario()
    found = []
    for name in ("low", "likely", "high"):
        case = model[name]
        shape, machine = SHAPES[case["shape"]], PREDICTOR.machine(case["machine"])
        deployed = {
            "batch": case["batch"],
            "boards": case["boards"],
            "weight_bytes": case["weight_bytes"],
            "execution": EXECUTION,
        }
        context, output = max(1, answer["context"]), max(1, answer["output"])
        uncached = max(1, answer["fresh"] + (1 - CACHED) * max(0, context - answer["fresh"]))
        prompt = cost(shape, machine, Work(**deployed, input_tokens=uncached, output_tokens=1), PREDICTOR.constants)
        work = Work(**deployed, input_tokens=context, output_tokens=output)
        whole = cost(shape, machine, work, PREDICTOR.constants)
        half, _ = doubt(shape, machine, work, PREDICTOR, concurrent=whole.concurrent)
        joules = math.fsum([*prompt.prefill.values(), *whole.decode.values()])
        wh = joules / 3600 / base.node.gpu_share * math.sqrt(pue[0] * pue[1])
        width = math.exp(math.sqrt(half**2 + answer["half"] ** 2 + (math.log(pue[1] / pue[0]) / 2) ** 2))
        found.append((wh, wh / width, wh * width))
    return {"value": found[1][0], "low": min(one[1] for one in found), "high": max(one[2] for one in found)}


@pytest.mark.parametrize("pue", [None, 1.1])
def test_answers_are_priced_as_python_does(page, pue):
    """Wh of 60 random answers under every assumption, reading the conversation again included, are Python's to 1e-9."""
    rng = random.Random(11)
    answers = [
        {
            "fresh": round(math.exp(rng.uniform(0, 7)), 2),
            "output": round(math.exp(rng.uniform(0, 9)), 2),
            "half": rng.random() / 2,
        }
        for _ in range(60)
    ]
    for one in answers:
        one["context"] = round(one["fresh"] + math.exp(rng.uniform(0, 11)), 2)
    spread = (Scenario().pue.p5, Scenario().pue.p95) if pue is None else (pue, pue)
    given = "product.pue" if pue is None else json.dumps({"p5": pue, "p95": pue})
    found = page.ask(
        f"""Promise.all([import("../model/estimate.js"), import("../model/data.js")]).then(([{{ answerWh }}, {{ assumptions, product }}]) =>
          assumptions.models.map((model) => {json.dumps(answers)}.map((one) => answerWh(product, model, assumptions.serving, {given}, one))))"""
    )
    for model, said in zip(ASSUMPTIONS["models"], found, strict=True):
        for answer, one in zip(answers, said, strict=True):
            wanted = watt_hours(model, answer, spread)
            assert one == {name: pytest.approx(value, rel=1e-9) for name, value in wanted.items()}
            assert one["low"] < one["value"] < one["high"]


def test_a_conversation_adds_its_intervals(page):
    """What is not known of a service is the same for all of its answers: lows add to lows, highs to highs."""
    found = page.ask(
        'import("../model/estimate.js").then(({ sum, grams }) => grams(sum([{value: 1, low: 0.5, high: 4}, {value: 2, low: 1, high: 3}]), 500))'
    )
    assert found == {"value": 1.5, "low": 0.75, "high": 3.5}


def test_longer_answers_and_contexts_take_more(page):
    """Under every assumption more tokens of answer, or of context, never take less."""
    lengths = (1, 30, 300, 3000)
    found = page.ask(
        f"""Promise.all([import("../model/estimate.js"), import("../model/data.js")]).then(([{{ answerWh }}, {{ assumptions, product }}]) =>
          assumptions.models.map((model) => {list(lengths)}.map((output) => {list(lengths)}.map((context) =>
            answerWh(product, model, assumptions.serving, product.pue, {{fresh: 1, context, output, half: 0.2}}).value))))"""
    )
    for table in found:
        for row in (*table, *zip(*table, strict=True)):
            assert all(one <= other * (1 + 1e-12) for one, other in itertools.pairwise(row))


@pytest.mark.parametrize("model", ASSUMPTIONS["models"], ids=lambda model: model["key"])
def test_assumed_models_fit_their_boards(model):
    """Weights and the cache of one long conversation fit into the memory that is assumed; low takes less than high."""
    joules = []
    for name in ("low", "likely", "high"):
        case = model[name]
        work = Work(
            batch=case["batch"], input_tokens=1000, output_tokens=400, boards=case["boards"],
            weight_bytes=case["weight_bytes"], execution=EXECUTION,
        )  # fmt: skip
        shape, machine = SHAPES[case["shape"]], PREDICTOR.machine(case["machine"])
        assert room_bytes(shape, machine, work) > shape.cache_bytes(32_000)
        joules.append(cost(shape, machine, work, PREDICTOR.constants).joules)
    assert joules == sorted(joules)
