"""The page on estimates says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from reports.estimate.estimate import Question, estimate
from reports.estimate.reading import read_scenario

PAGE = Path(__file__).parents[3] / "docs" / "estimating.md"


def test_the_example_scenario_is_read_and_answered(tmp_path: Path) -> None:
    """The scenario file of the page is accepted key by key, and estimates the models that it names."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "ours.toml"
    path.write_text(text)
    scenario = read_scenario(path, ("draws=1000",))
    answer = estimate(scenario, Question(fleet=True, levers=("serving",)))
    assert [one.model for one in answer.models] == ["Ours 70B", "Llama 3.1 405B"]
    assert [one.name for one in answer.references] == ["our bill over our queries"]
