from __future__ import annotations

import json
import math

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.predict.answer import Question, answer


@pytest.fixture
def ask(shipped):
    """The shipped predictor's answer."""
    return lambda **fields: answer(Question(**fields), shipped)


def test_a_known_model_on_a_known_board(ask):
    """Value and interval in Wh and joules, terms that add up, the inputs as understood, and nothing to warn of."""
    known = ask(model="Llama-2-7b", gpu="A100-40")
    wh, joules = known.wh_per_request, known.joules_per_request
    assert wh.low < wh.value < wh.high
    assert joules.value == pytest.approx(3600 * wh.value)
    assert joules.high / joules.value == pytest.approx(joules.value / joules.low)
    assert math.fsum(known.terms["total"].values()) == pytest.approx(joules.value)
    assert known.joules_per_output_token.value == pytest.approx(joules.value / 300)
    assert (known.kind, known.boundary) == ("predicted, not measured", "gpu_only")
    assert (known.inputs.gpu, known.inputs.dtype, known.inputs.layers) == ("NVIDIA A100 40GB SXM", "bfloat16", 32)
    assert known.flags == ()


def test_the_measured_value_lies_inside(ask):
    """Llama-2-7B took 0.2595 Wh on an A100-40 and OPT-125M 0.0301 Wh on an L4; both intervals hold it."""
    for model, gpu, measured in (("Llama-2-7b", "A100-40", 0.2595), ("OPT-125M", "L4", 0.0301)):
        wh = ask(model=model, gpu=gpu).wh_per_request
        assert wh.low < measured < wh.high


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gpu": "H100"}, "no row was measured on NVIDIA H100 SXM"),
        ({"gpu": "A100-80", "input_tokens": 50_000}, "50,000 input tokens, learned from 100 to 900"),
        ({"gpu": "A100-80", "output_tokens": 10}, "10 output tokens"),
        ({"gpu": "H200", "batch": 1000}, "batch, learned from 1 to 100"),
        ({"gpu": "A100-80", "batch": 1000}, "of the 1000 requests at a time"),
        ({"gpu": "V100", "dtype": "bf16"}, "does not compute in bfloat16"),
        ({"gpu": "A100-80", "dtype": "int4"}, "int4 changes only the bytes of the weights"),
        ({"gpu": "A100-80", "dtype": "fp8"}, "fp8 changes only the bytes of the weights, which NVIDIA A100 80GB SXM"),
        ({"gpu": "A100-80", "dtype": "int8"}, "the bytes of the weights and the rate (624 TFLOPS)"),
        ({"gpu": "A100-80", "dtype": "fp32"}, "the bytes of weights and cache and the rate (19.5 TFLOPS)"),
    ],
)
def test_doubts_are_said_and_widen(ask, fields, words):
    """What lies outside the rows is flagged, and its interval is no narrower than that of a seen case."""
    seen, asked = ask(model="Llama-2-7b", gpu="A100-80"), ask(model="Llama-2-7b", **fields)
    assert any(words in flag for flag in asked.flags), asked.flags
    ratios = [one.wh_per_request.high / one.wh_per_request.low for one in (seen, asked)]
    assert ratios[1] >= ratios[0]


def test_requests_that_wait_do_not_widen(ask):
    """Where memory holds fewer than were typed, ten times more of them change neither joules nor interval."""
    few, many = (ask(model="OPT-30B", gpu="A100-80", batch=batch).wh_per_request for batch in (200, 2000))
    assert few.value == pytest.approx(many.value)
    assert few.high / few.low == pytest.approx(many.high / many.low)


CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
}


@pytest.mark.parametrize(
    ("stored", "dtype", "words"),
    [
        ({}, "bfloat16", None),
        ({"torch_dtype": "float16"}, "float16", None),
        ({"torch_dtype": "float32"}, "float32", "says that its weights are float32"),
        ({"dtype": "torch.float32"}, "float32", "says that its weights are float32"),
        ({"torch_dtype": "bfloat16", "quantization_config": {"quant_method": "fp8"}}, "fp8", "quantised by fp8"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "int4", "quantised by awq: int4"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 8}}, "int8", "quantised by gptq: int8"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "int8", "bitsandbytes: int8"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "_load_in_4bit": True}},
            "int4",
            "bitsandbytes: int4",
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
                }
            },
            "fp8",
            "compressed-tensors: fp8",
        ),
        ({"quantization_config": {"quant_method": "gptq", "bits": 3}}, "bfloat16", "a width that is not known"),
        ({"quantization_config": {"quant_method": "\x1bnew"}}, "bfloat16", "a width that is not known"),
    ],
)
def test_a_configuration_says_how_its_weights_are_stored(tmp_path, ask, stored, dtype, words):
    """With `auto` the width is that of the file, which is said; a dtype that was typed goes before it."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**CONFIG, **stored}))
    for typed in (path, tmp_path):
        known = ask(model=str(typed), gpu="H100")
        assert known.inputs.dtype == dtype
        assert any("the configuration says" in flag for flag in known.flags) == (words is not None)
        assert words is None or any(words in flag for flag in known.flags)
    assert ask(model=str(path), gpu="H100", dtype="bf16").inputs.dtype == "bfloat16"


def test_far_outside_is_called_a_guess(ask):
    """More than a factor of seven outside, the answer says that it is a guess."""
    flags = ask(model="Phi-3-mini-128k", gpu="L4", gpu_count=2, input_tokens=50_000).flags
    assert any(flag.endswith("a guess") for flag in flags)


def test_only_a_size(ask):
    """A size alone is answered near the model of that size, with more doubt, which is said."""
    named, sized = ask(model="Llama-2-7b", gpu="A100-40"), ask(params_b=6.74, gpu="A100-40")
    assert sized.wh_per_request.value == pytest.approx(named.wh_per_request.value, rel=0.15)
    ratios = [one.wh_per_request.high / one.wh_per_request.low for one in (named, sized)]
    assert ratios[1] > ratios[0]
    assert any("only the size is known" in flag for flag in sized.flags)
    assert sized.inputs.architecture == "typical of its size"


def test_a_mixture_of_that_size(ask):
    """A mixture takes less than a dense model of all its parameters, and more than one of the active ones."""
    joules = [
        ask(gpu="A100-80", gpu_count=2, **sizes).joules_per_request.value
        for sizes in ({"params_b": 12.9}, {"params_b": 46.7, "active_params_b": 12.9}, {"params_b": 46.7})
    ]
    assert joules[0] < joules[1] < joules[2]


@pytest.mark.parametrize("name", ["gpu_count", "batch", "input_tokens", "output_tokens"])
@pytest.mark.parametrize("value", [0, -1, 10**12])
def test_counts_that_cannot_be(ask, name, value):
    """Zero, negative and absurd counts are refused by the option's name."""
    option = {"gpu_count": "--gpu-count", "input_tokens": "--input", "output_tokens": "--output"}.get(name, "--batch")
    with pytest.raises(ConfigurationError, match=option):
        ask(**{"model": "OPT-125M", "gpu": "L4", name: value})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gpu": "L4"}, "say which model"),
        ({"gpu": "L4", "model": "OPT-125M", "params_b": 1.0}, "say which model"),
        ({"gpu": "L4", "model": "OPT-125M", "active_params_b": 1.0}, "belongs to --params-b"),
        ({"gpu": "L5", "model": "OPT-125M"}, "no board is called 'L5'.*L4"),
        ({"gpu": "L4", "model": "OPT-124M"}, "OPT-125M"),
        ({"gpu": "L4", "model": "OPT-125M", "dtype": "int3"}, "unknown dtype 'int3'"),
        ({"gpu": "L4", "model": "Llama-2-70b"}, "needs 138 GB.*1 x NVIDIA L4 have 24 GB; give --gpu-count 7 or more"),
    ],
)
def test_questions_that_cannot_be_answered(ask, fields, words):
    """No model, two, unknown names and weights that do not fit are refused with what would do."""
    with pytest.raises(ConfigurationError, match=words):
        ask(**fields)


def test_weights_that_barely_fit_are_answered_with_a_doubt(ask):
    """Where an engine may refuse to load, the answer says so instead of refusing a deployment that may exist."""
    flags = ask(model="Pythia-12B", gpu="L4").flags
    assert any("an engine may refuse to load" in flag for flag in flags)


def test_a_predictor_of_modelled_joules_says_so(shipped):
    """Whoever fitted on joules that no meter measured reads it in every answer."""
    learned = msgspec.structs.replace(shipped.fitted_on, methods=("modelled",))
    flags = answer(Question(model="OPT-125M", gpu="L4"), msgspec.structs.replace(shipped, fitted_on=learned)).flags
    assert any("no meter measured (modelled)" in flag for flag in flags)


def test_further_boards_from_a_file(tmp_path, ask):
    """A file of boards is taken, and its row goes before the table's."""
    path = tmp_path / "boards.toml"
    path.write_text(
        '[[board]]\nname = "Mine"\narchitecture = "x"\ntdp_w = 100\nmemory = "y"\nmemory_gib = 40\nbandwidth_gb_s = 500\n'
        'dense_tflops = { fp16 = 50 }\ncores = 1\nsource = "made up"\n'
    )
    known = ask(model="Llama-2-7b", gpu="mine", boards=path)
    assert (known.inputs.gpu, known.inputs.dtype) == ("Mine", "float16")
