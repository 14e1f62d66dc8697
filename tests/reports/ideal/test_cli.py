"""`joules ideal`: what is printed, as a table and as JSON, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from energy_fixtures.errors import ConfigurationError
from reports.ideal.answer import answer
from reports.ideal.cli import ideal
from tests.reports.test_boards import ROW

APP = typer.Typer(pretty_exceptions_enable=False)
APP.command()(ideal)
ASKED = ("--model", "shape:llama-3.1-8b", "--gpu", "A6000", "--batch", "1", "--input", "512", "--output", "64")


def printed(*arguments: str) -> str:
    """What the command writes."""
    done = CliRunner().invoke(APP, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_the_table_has_a_row_per_phase() -> None:
    """Prefill and decode apart, then both; per request below; never without saying that it is modelled."""
    text = printed(*ASKED)
    assert "(modelled, not measured)" in " ".join(text.split())
    assert [line.split()[0] for line in text.splitlines() if "FLOP" in line] == ["prefill", "decode", "both"]
    assert "15.9 J" in text and "71.0 J" in text
    assert "at rest: unknown, and left out of the floor" in " ".join(text.split())
    assert "data sheet" in text


def test_the_json_holds_every_part() -> None:
    """JSON says the method, the question in full and both phases, whose joules add up to the whole."""
    found = json.loads(printed(*ASKED, "--format", "json", "--peak", "sparse", "--idle-w", "20"))
    assert (found["method"], found["peak"], found["idle_w"], found["dtype"]) == ("modelled", "sparse", 20.0, "bfloat16")
    assert found["floor_j"] == pytest.approx(found["prefill"]["floor_j"] + found["decode"]["floor_j"])
    assert found["ideal_joules_per_request"] == found["ideal_j"]
    operations = found["prefill"]["flop"] + found["decode"]["flop"]
    assert found["ideal_j"] / operations == pytest.approx(0.9687e-12, rel=1e-4)
    assert found["decode"]["tokens"] == 63 and found["prefill"]["tokens"] == 512


def test_one_output_token_has_no_decode() -> None:
    """A phase that does not happen has zero joules and no joules per token."""
    found = json.loads(printed("--model", "tiny", "--gpu", "T4", "--output", "1", "--format", "json"))
    assert (found["decode"]["flop"], found["decode"]["floor_joules_per_token"]) == (0.0, None)
    assert "0 FLOP" in printed("--model", "tiny", "--gpu", "T4", "--output", "1")


def test_what_does_not_fit_is_said_first() -> None:
    """A model beyond the boards' memory is answered as arithmetic, and fits on more of them."""
    asked = ("--model", "shape:llama-3.1-70b", "--gpu", "A100-80")
    assert "does not fit: weights and cache need more memory" in printed(*asked)
    assert "does not fit" not in printed(*asked, "--gpu-count", "2")


def test_short_names_of_number_formats_are_taken() -> None:
    """bf16 is bfloat16, for weights and for the cache."""
    short, long = (printed(*ASKED, "--dtype", name, "--format", "json") for name in ("bf16", "bfloat16"))
    assert short == long
    assert json.loads(printed(*ASKED, "--kv-dtype", "fp8", "--format", "json"))["kv_dtype"] == "fp8"


def test_a_board_of_ones_own_is_taken(tmp_path: Path) -> None:
    """A row of a file is answered like one of the table."""
    mine = tmp_path / "boards.toml"
    mine.write_text(ROW)
    text = printed("--model", "tiny", "--gpu", "x1", "--dtype", "bf16", "--boards", str(mine))
    assert "tiny on Example 1" in text and "board: made up" in text


def test_a_models_folder_is_taken(tmp_path: Path) -> None:
    """A folder with a config.json answers with the number format that it states."""
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 100,
        "torch_dtype": "float16",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert answer(model=str(tmp_path), gpu="T4", batch_size=1, input_tokens=1, output_tokens=1).dtype == "float16"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpu": "H10"}, "no board is called 'H10'; nearest are NVIDIA H100 SXM"),
        ({"model": "shape:llama"}, "no shape is called"),
        ({"model": "owner/none"}, "configuration of owner/none is not on this machine"),
        ({"batch_size": 0}, "batch size must be >= 1, got 0"),
        ({"output_tokens": -5}, "output tokens must be >= 1, got -5"),
        ({"gpu": "V100", "dtype": "bfloat16"}, "no peak rate for bfloat16"),
        ({"dtype": "fp7"}, "unknown dtype 'fp7'"),
        ({"gpu_count": 0}, "at least one board"),
        ({"idle_w": 4000.0}, "power at rest"),
        ({"idle_w": float("nan")}, "power at rest"),
        ({"boards": Path("none.toml")}, "none.toml cannot be read"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    change: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown board, model or number format and an impossible count are one sentence each."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    asked = {"model": "tiny", "gpu": "H100", "batch_size": 1, "input_tokens": 8, "output_tokens": 8}
    with pytest.raises(ConfigurationError) as refused:
        answer(**{**asked, **change})  # type: ignore[arg-type]
    assert said in str(refused.value) and "\n" not in str(refused.value)
