"""Scenarios, answers and the command, as the tests of estimates need them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reports.estimate.answer import Answer
from reports.estimate.estimate import Question, estimate
from reports.estimate.reading import read_scenario


@pytest.fixture(scope="session")
def answered() -> Callable[..., Answer]:
    """The answer to a question about the base case with these settings; 20,000 draws unless told otherwise."""

    def answer(question: Question | None = None, *sets: str, **options: object) -> Answer:
        return estimate(read_scenario(None, sets, {"draws": 20_000, **options}), question or Question())

    return answer


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `joules estimate` prints for these arguments; wrong use is raised."""
    import typer

    from reports.estimate.cli import estimate as function

    app = typer.Typer(add_completion=False)
    app.command()(function)

    def run(*arguments: object) -> str:
        app(args=[str(argument) for argument in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run
