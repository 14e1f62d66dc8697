from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from reports.cli import main
from reports.predict.predictor import read_predictor, to_json


@pytest.fixture
def joules(capsys):
    """The command as typed: exit status, what it printed, what it said beside."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["predict", *(str(one) for one in arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_help_names_the_four(joules):
    """fit, evaluate, export and run stand in the help."""
    status, out, _ = joules("--help")
    assert status == 0
    assert all(name in out for name in ("fit", "evaluate", "export", "run"))


def test_run_answers_on_a_fresh_machine(joules):
    """Without --predictor the shipped one answers, as JSON with value, low and high, terms, inputs and what it knows."""
    status, out, _ = joules("run", "--params-b", 7.2, "--gpu", "H100", "--format", "json")
    found = json.loads(out)
    assert status == 0
    wh = found["wh_per_request"]
    assert wh["low"] < wh["value"] < wh["high"]
    assert found["joules_per_request"]["value"] == pytest.approx(3600 * wh["value"])
    assert set(found["terms"]) == {"prefill", "decode", "total"}
    assert sum(found["terms"]["total"].values()) == pytest.approx(found["joules_per_request"]["value"])
    assert (found["kind"], found["boundary"]) == ("predicted, not measured", "gpu_only")
    assert found["inputs"]["gpu_count"] == 1
    assert "26 models" in found["fitted_on"]
    assert any("extrapolation" in flag for flag in found["flags"])


def test_run_as_a_table(joules):
    """The sentence with the interval, the causes, and what it was fitted on."""
    status, out, _ = joules("run", "--model", "Mixtral-8x7B", "--gpu", "A100-80", "--gpu-count", 2, "--batch", 50)
    assert status == 0
    words = " ".join(out.split())
    for part in (
        "mWh per request",
        "with 90 % probability",
        "reading weights",
        "waiting for other boards",
        "fitted on 51",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "lama-2-7b", "--gpu", "H100"), "nearest are Llama-2-7b"),
        (("--model", "Llama-2-7b", "--gpu", "H10"), "no board is called 'H10'"),
        (("--params-b", "7", "--gpu", "L4", "--batch", "0"), "--batch must be a whole number"),
        (("--params-b", "7", "--gpu", "L4", "--output", "-3"), "--output must be a whole number"),
        (("--params-b", "900", "--gpu", "L4"), "give --gpu-count"),
        (("--gpu", "L4"), "say which model"),
        (("--params-b", "seven", "--gpu", "L4"), "Invalid value for '--params-b'"),
        (("--params-b", "7", "--gpu", "L4", "--predictor", "gone.json"), "gone.json cannot be read"),
    ],
)
def test_wrong_questions(joules, arguments, words):
    """A sentence, exit status 4, and no half answer."""
    status, out, err = joules("run", *arguments)
    assert (status, out) == (4, "")
    assert words in err
    assert "Traceback" not in err


def test_export_is_the_file(joules, tmp_path):
    """What is exported is read back as the shipped predictor, from the terminal and from a file."""
    path = tmp_path / "out.json"
    status, out, _ = joules("export")
    assert status == 0
    assert joules("export", "-o", path)[0] == 0
    assert out.encode() == path.read_bytes() == to_json(read_predictor())
    assert read_predictor(path) == read_predictor()


def test_a_changed_predictor_answers_nothing(joules, tmp_path, shipped):
    """A tampered file is refused by run and by export."""
    path = tmp_path / "bad.json"
    plain = json.loads(to_json(shipped))
    plain["constants"]["joules_per_byte"] *= 0.5
    path.write_bytes(msgspec.json.encode(plain))
    for arguments in (("run", "--params-b", 7, "--gpu", "L4"), ("export",)):
        status, out, err = joules(*arguments, "--predictor", path)
        assert (status, out) == (4, "")
        assert "was changed after it was fitted" in err


def test_fit_refuses_what_is_not_enough(joules, tmp_path):
    """Too few rows leave no file behind."""
    data = tmp_path / "few.csv"
    data.write_text("model,gpu,count,single_wh\nLlama-2-7b,A100-40,1,0.26\n")
    out = tmp_path / "predictor.json"
    status, _, err = joules("fit", data, "--out", out)
    assert status == 4
    assert "1 rows are fewer than the" in err
    assert not out.exists()


def test_fitting_a_table_gives_a_predictor(joules, tmp_path, row, constants):
    """A table of twenty rows is fitted, says how far off it is for models and boards left out, and answers."""
    models = (
        "OPT-125M",
        "OPT-350M",
        "OPT-1.3B",
        "Qwen1.5-0.5B",
        "Llama-3.2-1B",
        "Gemma-2B",
        "Phi-2",
        "Qwen2.5-3B",
        "OPT-6.7B",
        "Llama-2-7b",
    )
    data, out = tmp_path / "table.csv", tmp_path / "mine.json"
    lines = [f"{name},{gpu},1,{row(name, gpu, constants).wh}" for name in models for gpu in ("A100-40", "L4")]
    data.write_text("\n".join(["model,gpu,count,single_wh", *lines]) + "\n")
    status, said, _ = joules("fit", data, "--out", out)
    assert status == 0
    assert "fitted on 20 measured rows of 10 models" in said
    assert "gpu left out, single" in said
    assert joules("run", "--model", "OPT-2.7B", "--gpu", "L4", "--predictor", out)[0] == 0
    assert joules("fit", data, "--out", data)[0] == 4


def test_help_stays_quick():
    """The command line imports no numerics before it needs them."""
    script = "import sys, reports.predict.cli\nprint([name for name in ('numpy', 'scipy', 'sklearn', 'altair', 'polars') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
