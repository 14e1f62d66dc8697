"""What is saved holds no secret, no user name and no path, whatever the environment is full of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energy_fixtures.models.catalogue import resolve
from energy_fixtures.models.materialise import materialise
from tests.simulated_board.board import board_environ

USER = "mallory-o-hara"
SECRETS = ("hf_TheTokenThatNobodyMaySee", "sk-another-secret")
FOLDER = "confidential-customer"

FUNCTION = """
import time

def test_x(energy):
    energy.pedantic(time.sleep, args=(0.02,), rounds=2, warmup_rounds=0)
"""
ENGINE = """
from energy_fixtures import Scenario

def test_x(energy):
    energy.measure(Scenario(engine="transformers", batch_size=1, input_tokens=8, output_tokens=4))
"""


@pytest.fixture
def hostile(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """An environment full of private words; those that must not be saved."""
    home = pytester.mkdir(FOLDER) / USER
    home.mkdir()
    chosen = {
        **dict.fromkeys(("USER", "LOGNAME", "LNAME", "USERNAME"), USER),
        "HOME": str(home),
        "HF_TOKEN": SECRETS[0],
        "OPENAI_API_KEY": SECRETS[1],
        "APPTAINER_CONTAINER": f"{home}/image.sif",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return (USER, FOLDER, str(pytester.path), *SECRETS)


def leaks(text: str, private: tuple[str, ...]) -> list[str]:
    return [word for word in private if word in text]


@pytest.mark.parametrize("meter", ["simulated:300", "modelled", "zeus"])
def test_fingerprint_and_results(
    pytester: pytest.Pytester, run, hostile: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, meter: str
):
    """With each meter the saved file holds the machine's facts and none of the private words."""
    for name, value in board_environ().items():
        if name not in ("HOME", "USER"):
            monkeypatch.setenv(name, value)
    pytester.makepyfile(test_work=FUNCTION)
    run("--energy-save=run", meter=meter, own_process=True).assert_outcomes(passed=1)
    (path,) = pytester.path.glob(".benchmarks/*/*.json")
    text = path.read_text()
    (environment,) = json.loads(text)["energy"]["environments"].values()

    assert environment["host"]["container"] in ("apptainer", "kubernetes")  # the variable was seen, its value not kept
    assert leaks(text, hostile) == []


def test_replayed_file_is_known_by_its_name_alone(pytester: pytest.Pytester, run, hostile: tuple[str, ...]):
    """A recording in a private folder lends its last name to the saved file, not where it lies."""
    pytester.makepyfile(test_work=FUNCTION)
    recorded = pytester.path / FOLDER / "recorded.json"
    run(f"--energy-json={recorded}", own_process=True).assert_outcomes(passed=1)
    run("--energy-json=again.json", meter=f"replay:{recorded}", own_process=True).assert_outcomes(passed=1)
    text = (pytester.path / "again.json").read_text()

    assert "recorded.json" in text
    assert leaks(text, hostile) == []


@pytest.mark.engines
def test_model_in_a_folder(pytester: pytest.Pytester, run, hostile: tuple[str, ...], tmp_path_factory):
    """A local model is stored by its folder's last name and a digest; engine, model and Scenario tell no path."""
    private = pytester.path / FOLDER / USER / "my-model"
    built = materialise(resolve("tiny"), cache=tmp_path_factory.mktemp("cache"))
    Path(built.path).rename(private)
    pytester.makepyfile(test_work=ENGINE)
    quick = ("--energy-min-rounds=2", "--energy-min-window=0.05", "--energy-device=cpu")
    done = run(*quick, f"--energy-model={private}", "--energy-json=out.json", own_process=True)
    text = (pytester.path / "out.json").read_text()

    done.assert_outcomes(passed=1)
    assert "my-model" in text
    assert leaks(text, hostile) == []
