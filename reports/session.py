"""What one pytest session knows for its report: the results so far, the baseline, what the gate said.

`plugin` feeds it and writes its lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from energy_fixtures.metrics import headline
from energy_fixtures.records import Environment, Result
from reports.comparison import Baseline, Pair, State
from reports.gate import Judgement, Policy, Verdict, judge
from reports.noise import Between
from reports.options import Options
from reports.policy import LEVEL
from reports.render.text import plain
from reports.selection import Selection

if TYPE_CHECKING:
    from reports.compare.rows import Report
    from reports.render.tables import Compared

MOST_SENTENCES = 5  # of cases that could not be judged; hundreds would hide the report above them
MOST_NOTES = 10  # of what differs around the cases
WIDE = 100
"""Columns that the usual tables need in full."""


class ReportSession:
    """One session's report.

    Args:
        options: What the user asked for.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.baseline: Baseline | None = None
        self.storage = ""  # where a baseline was looked for
        self.absent: str | None = None  # the file that was named as the baseline and is not there
        self.refused: tuple[str, ...] = ()  # why the whole baseline is of another machine
        self.stale: str | None = None  # a sentence, when the baseline is old
        self.between = Between()
        self.max_rounds = 20
        self.gated = 1  # results of the baseline that may be held against limits, times these
        self.unwritten: list[str] = []  # why pages could not be written
        self.recovered: tuple[str, ...] = ()  # one line per earlier session that was killed and is saved now
        self._results: dict[str, Result] = {}
        self._environments: dict[str, Environment] = {}
        self._pairs: dict[str, Pair] = {}
        self._judgements: dict[str, list[Judgement]] = {}

    def add(self, result: Result, environment: Environment) -> None:
        """Keep a finished Result, find its past and judge it. A test that is run again replaces its result."""
        name = result.fullname
        self._results[name] = result
        self._environments[result.environment] = environment
        if self.baseline is None:
            return
        pair = self._pairs[name] = self.baseline.pair(result, environment)
        self._judgements[name] = self._judge(pair)

    def verdict(self, result: Result) -> Judgement | None:
        """The worst that its limits say of a result; None where none applies."""
        worst = self._worst(result.fullname)
        said = self._judgements.get(result.fullname, [])
        return next((judgement for judgement in said if judgement.verdict is worst), None)

    def open(self, result: Result, environment: Environment) -> bool:
        """Whether another round may still bring a verdict on this case."""
        if self.baseline is None or not self.options.limits:
            return False
        judgements = self._judge(self.baseline.pair(result, environment))
        return any(judgement.verdict is Verdict.INCONCLUSIVE and judgement.open for judgement in judgements)

    def _judge(self, pair: Pair) -> list[Judgement]:
        found = (judge(limit, pair, LEVEL, self._policy) for limit in self.options.limits)
        return [judgement for judgement in found if judgement is not None]

    @cached_property
    def _policy(self) -> Policy:
        """Settled when the first case is judged: options, baseline and selection are known by then."""
        policy = Policy(
            confidence=self.options.confidence, gated=self.gated, between=self.between, max_rounds=self.max_rounds
        )
        past = () if self.baseline is None else self.baseline.results
        return policy.learning_from(past, self.options.limits)

    def failure(self, result: Result) -> str | None:
        """Why the gate fails this result's test; None when it passes."""
        judgements = self._judgements.get(result.fullname, [])
        fails = self.options.failing
        if self.baseline is None:
            if not self.options.comparing or "no-baseline" not in fails:
                return None
            return plain(f"no baseline: {result.case}: {self._nothing_there}; save a run first")
        against = plain(self.baseline.name)
        verdicts = {Verdict.REGRESSED} | ({Verdict.INCONCLUSIVE} if "inconclusive" in fails else set())
        failing = [
            f"{judgement.verdict.value} against {against}: {judgement.sentence}"
            for judgement in judgements
            if judgement.verdict in verdicts
        ]
        pair = self._pairs[result.fullname]
        if failing:
            failing += self._why(pair)
        if pair.state.value.replace(" ", "-") in fails:
            why = "; ".join(pair.differences) or "save a run with it first"
            failing.append(f"{pair.state.value} against {against}: {result.case}: {why}")
        if self.stale is not None and "stale" in fails:
            failing.append(f"{result.case}: {self.stale}")
        return "\n".join(failing) or None

    def _why(self, pair: Pair) -> list[str]:
        """What the change is made of, in a sentence; nothing where it cannot be told."""
        from reports.explain.explanation import explain

        if self.baseline is None or pair.baseline is None or pair.state is not State.COMPARED:
            return []
        before = self.baseline.environments.get(pair.baseline.environment)
        after = self._environments.get(pair.candidate.environment)
        explanation = explain(pair.baseline, pair.candidate, before, after, level=LEVEL, between=self.between)
        return [] if explanation is None else [plain(f"  {explanation.sentence}")]

    def missing(self, expected: Callable[[str], bool]) -> tuple[Result, ...]:
        """Cases of the baseline that were to run now and have no result."""
        return () if self.baseline is None else self.baseline.missing(list(self._results.values()), expected)

    def properties(self, result: Result) -> list[tuple[str, object]]:
        """Figures of one result for JUnit: values in SI units, what they are, and what the gate said."""
        known = headline(result)
        values = known.values(result)
        figures: list[tuple[str, object]] = [("energy_case", result.case), ("energy_method", result.method)]
        figures.append(("energy_valid", int(bool(values))))
        if values:
            figures.append((known.name, fmean(values)))
        reasons = sorted({code for trial in result.trials for code in trial.invalid_reasons})
        if reasons:
            figures.append(("energy_invalid_reasons", " ".join(reasons)))
        for judgement in self._judgements.get(result.fullname, []):
            figures.append(("energy_verdict", f"{judgement.verdict.value} {judgement.limit.expression}"))
        return figures

    def header(self) -> list[str]:
        """What is known of the baseline before the first engine loads."""
        return [*self.recovered, *self._baseline_line()]

    def _baseline_line(self) -> list[str]:
        if not self.options.comparing:
            return []
        kept = "cases are recorded, not gated" if self.options.limits else "nothing is compared"
        if self.baseline is None:
            by = "--energy-autosave" if self.absent is None else "--energy-json"
            fails = "no-baseline" in self.options.failing
            kept = "every case fails for it, --energy-baseline-policy" if fails else kept
            return [plain(f"energy baseline: {self._nothing_there}; {kept} (save one with {by})")]
        if self.refused:
            differs = "; ".join(self.refused)
            return [plain(f"energy baseline: {self.baseline.name} is from another machine ({differs}); {kept}")]
        newest = ", the newest run" if self.options.reference is None else ""
        lines = [f"energy baseline: {self.baseline.name}{newest}"]
        if self.options.limits:
            limits = ", ".join(limit.expression for limit in self.options.limits)
            lines[0] += f", limit {limits}, {100 * self.options.confidence:g} % sure"
            lines.append(f"  {self.between.sentence}")
        return [plain(line) for line in (*lines, *([f"  {self.stale}"] if self.stale else []))]

    @property
    def _nothing_there(self) -> str:
        """Where a baseline was looked for and not found."""
        return f"none found in {self.storage}" if self.absent is None else f"none, {self.absent} does not exist"

    def lines(self, *, width: int, colour: bool, selection: Selection) -> list[str]:
        """The report.

        Args:
            width: Columns of the terminal.
            colour: Whether escape sequences may be written.
            selection: Which cases of the baseline were to run now.
        """
        from reports.explain.costs import own_joules
        from reports.render.tables import View
        from reports.render.terminal import report
        from reports.render.text import to_lines

        view = View(
            level=LEVEL,
            metrics=self.options.columns,
            sort=self.options.sort,
            compared=self._compared(),
            narrow=width < WIDE,
            boards=self.options.boards,
            between=self.between,
        )
        parts = report(list(self._results.values()), self._known_environments(), view)
        spent = [own_joules(self._results.values()).sentence] if self._results else []
        return to_lines([*parts, *self._closing(selection), *spent, *self.unwritten], width=width, colour=colour)

    def _compared(self) -> dict[str, Compared]:
        from reports.render.tables import Compared

        return {name: Compared(pair=pair, verdict=self._worst(name)) for name, pair in self._pairs.items()}

    def _worst(self, name: str) -> Verdict | None:
        said = {judgement.verdict for judgement in self._judgements.get(name, [])}
        return next((verdict for verdict in Verdict if verdict in said), None)

    def _closing(self, selection: Selection) -> list[str]:
        if self.baseline is None:
            return ["", *self._baseline_line()] if self.options.comparing and self._results else []
        from reports.render.terminal import some

        states = Counter(pair.state for pair in self._pairs.values())
        missing = self.missing(selection.expects)
        said = [f"{states[state]} {state.value}" for state in State if states[state]]
        lines = ["", f"energy baseline {self.baseline.name}: {', '.join([*said, f'{len(missing)} missing'])}"]
        lines += self._around()
        if missing:
            names = some([plain(past.case) for past in missing])
            fails = "missing" in self.options.failing
            says = " fails this session (--energy-baseline-policy):" if fails else ","
            lines.append(f"missing{says} in the baseline but not in this run: {names}")
        perhaps = self.missing(selection.leaves_open)
        if perhaps:
            names, by = some([plain(past.case) for past in perhaps]), " and ".join(selection.narrowed_by)
            lines.append(f"not in this run, and not called missing, because {by} may leave them out: {names}")
        if self.options.limits:
            verdicts = Counter(worst for name in self._pairs if (worst := self._worst(name)) is not None)
            counted = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict])
            limits = ", ".join(limit.expression for limit in self.options.limits)
            lines.append(f"energy gate ({limits}): {counted or 'nothing to judge'}")
            said = [
                one.sentence
                for name in self._pairs
                for one in self._judgements.get(name, [])
                if one.verdict is Verdict.INCONCLUSIVE
            ]
            lines += [plain(f"  {Verdict.INCONCLUSIVE.value} {sentence}") for sentence in said[:MOST_SENTENCES]]
            if len(said) > MOST_SENTENCES:
                lines.append(f"  and {len(said) - MOST_SENTENCES} more {Verdict.INCONCLUSIVE.value}")
            lines += self._moved()
        return lines

    def markdown(self, expected: Callable[[str], bool]) -> str | None:
        """The report as Markdown, as `joules compare` writes it; None where nothing was measured."""
        from reports.render.markdown import markdown

        return markdown(self._report(expected)) if self._results else None

    def html(self, expected: Callable[[str], bool]) -> str | None:
        """The report as a page, as `joules report` writes it; None where nothing was measured."""
        from reports.page.of_session import session_page

        if not self._results:
            return None
        results = list(self._results.values())
        return session_page(results, self._environments, self._report(expected), self.options.boards)

    def _report(self, expected: Callable[[str], bool]) -> Report:
        from reports.compare.of_session import session_report
        from reports.compare.rows import Asked

        limits = self.options.limits if self.baseline is not None else ()
        asked = Asked(
            level=LEVEL,
            metrics=self.options.columns,
            limits=limits,
            policy=self._policy,
            between=None if self.baseline is None else self.between,
            environments=self._known_environments(),
        )
        return session_report(
            list(self._results.values()),
            self._environments,
            asked,
            baseline=self.baseline,
            pairs=self._pairs,
            verdicts={name: self._worst(name) for name in self._pairs},
            missing=self.missing(expected),
            prices=self.options.prices,
            notes=self._about_baseline(),
        )

    def _known_environments(self) -> dict[str, Environment]:
        """Those of this session and of its baseline."""
        past = {} if self.baseline is None else self.baseline.environments
        return {**past, **self._environments}

    def _about_baseline(self) -> list[str]:
        """What the page has to say of a baseline that is not there, of another machine, or old."""
        said = self._baseline_line() if self.baseline is None or self.refused else []
        return [*said, *([self.stale] if self.stale and not self.refused else [])]

    def _moved(self) -> list[str]:
        """What the cases that regressed or improved owe it to, and what that costs."""
        from reports.render.explanation import moved, terminal_lines, told_of

        assert self.baseline is not None, "asked where there is one"
        judged = [(pair, self._worst(name)) for name, pair in self._pairs.items()]
        changes = moved(judged, self.baseline.environments, self._environments, level=LEVEL, between=self.between)
        return terminal_lines(told_of(changes, self.options.prices.costs), changes.more)

    def _around(self) -> list[str]:
        """What differs around the cases that were compared, a line each, and for how many of them when not for all."""
        compared = [pair for pair in self._pairs.values() if pair.state is State.COMPARED]
        notes = Counter(note for pair in compared for note in pair.notes)
        lines = [
            plain(f"  {note}") + ("" if count == len(compared) else f" ({count} of {len(compared)} cases)")
            for note, count in notes.items()
        ]
        more = [f"  and {len(lines) - MOST_NOTES} more differences"] if len(lines) > MOST_NOTES else []
        return ["compared although these differ:", *lines[:MOST_NOTES], *more] if lines else []
