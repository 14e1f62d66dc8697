"""One session's side of `--energy-resume`: what pytest still has to run, and which of it need not be measured again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pytest

from energy_fixtures.environment import Facts
from energy_fixtures.items import fullname_of, plain_params
from energy_fixtures.options import Options
from energy_fixtures.origin import Origin, origin_of, variables
from energy_fixtures.records import Environment, Result
from energy_fixtures.resume import CutOff, Resume, Wanted
from energy_fixtures.scenarios import Resolved

OUTPUTS = ("xmlpath", "energy_markdown", "energy_html")
"""Further files that a session writes, by where pytest keeps their options; they are no code of its."""


class Resuming:
    """What a session has still to do, and what it takes over from one that was cut off.

    Args:
        config: pytest's configuration.
        options: What the user asked for.
        say: Prints a line.

    Attributes:
        pending: Node ids of the tests that measure and have not come to their end. A session that ends while there are
            any was cut off.
    """

    def __init__(self, config: pytest.Config, options: Options, say: Callable[[str], None]) -> None:
        self._config = config
        self._options = options
        self._say = say
        self._cases: Mapping[pytest.Item, Resolved | None] = {}
        self._environment: Environment | None = None
        self._resume: Resume | None = None
        self.pending: set[str] = set()

    def expects(self, cases: Mapping[pytest.Item, Resolved | None]) -> None:
        """These tests are to measure, each with its case where a Scenario is among its parameters."""
        self._cases = cases
        self.pending = {item.nodeid for item in cases}

    @cached_property
    def origin(self) -> Origin:
        """The code and the settings of this session."""
        own = [self._options.storage, self._options.json, *map(self._config.getoption, OUTPUTS, [None] * len(OUTPUTS))]
        tests = {item.path for item in self._cases}
        outputs = [Path(output) for output in own if output is not None]
        return origin_of(self._config.rootpath, tests, outputs, {**self._options.settings, **variables(os.environ)})

    def begin(self, runs: Sequence[CutOff], environment: Environment) -> list[str]:
        """Go on from these runs, newest first, where that was asked for; the header's lines.

        Args:
            runs: As `Recording.open` found them.
            environment: This machine with its meter, without an engine.
        """
        if not self._options.resume:
            return []
        self._environment = environment
        self._resume = Resume(runs, self.origin, self._say)
        return self._resume.header([self._wanted(item, case) for item, case in self._cases.items() if case])

    def take(
        self, item: pytest.Item, case: Resolved, part: str | None, *, largest: bool, ask: Callable[[], Facts | None]
    ) -> tuple[Result, Environment] | None:
        """The Result of an earlier session with its Environment; None where the case has to be measured.

        Args:
            item: The test.
            case: What it measures.
            part: Name of the case where the test has several.
            largest: The case's batch size is the most that is tried.
            ask: Loads the engine and returns what it says of itself; called where that costs nothing, because a case that
                shares the engine has still to be measured, or because the engine is a server that runs already.
        """
        if self._resume is None:
            return None
        asks = case.scenario.engine == "server" or case.load_key in self._loading
        return self._resume.take(self._wanted(item, case, part, largest=largest), ask if asks else lambda: None)

    @cached_property
    def _loading(self) -> frozenset[str]:
        """Keys of the loads of which a case has still to be measured."""
        resume = self._resume
        assert resume is not None, "asked where there is one"
        return frozenset(
            case.load_key for item, case in self._cases.items() if case and not resume.holds(self._wanted(item, case))
        )

    def _wanted(self, item: pytest.Item, case: Resolved, part: str | None = None, *, largest: bool = False) -> Wanted:
        assert self._environment is not None, "known once there is something to resume"
        played_back = self._environment.meter.get("method") == "replay"  # with the windows that it has
        noted = {"most_tried": case.scenario.batch_size} if largest else case.noted
        return Wanted(
            name=fullname_of(item, part),
            scenario=case.stored,
            params={**plain_params(item), **noted},
            environment=self._environment,
            largest=largest,
            prefill=self._options.phases and case.has_prefill and not played_back,
        )
