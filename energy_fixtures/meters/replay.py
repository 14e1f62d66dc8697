"""A meter that plays back a recorded run: the runner repeats the recorded windows, the joules come from the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, MeasurementInvalid, MeterUnavailable
from energy_fixtures.meters.base import MeterInfo, RecordedWindows, State
from energy_fixtures.meters.domains import choose_domains
from energy_fixtures.metrics import nearest
from energy_fixtures.readings import Reading
from energy_fixtures.records import Run, Trial


@dataclass(frozen=True)
class _Window:
    label: str


class ReplayMeter:
    """Answers every window with the next one that the file holds for the same case.

    Args:
        path: A result file.
        load_run: Reads it; raises ResultFileError for a foreign, truncated or newer file.
        wanted: Domains to play back, all that were recorded when None.
    """

    def __init__(self, path: Path, *, load_run: Callable[[Path], Run], wanted: tuple[str, ...] | None = None) -> None:
        if not path.is_file():
            raise ConfigurationError(
                f"--energy-meter=replay finds no file {path}; give a result file that --energy-save wrote"
            )
        run = load_run(path)
        self._file = path.name
        self._trials: dict[str, tuple[Trial, ...]] = {result.fullname: result.trials for result in run.results}
        self._played: dict[str, int] = {}
        recorded = {domain for trials in self._trials.values() for trial in trials for domain in trial.reading.energy_j}
        methods = sorted({result.method for result in run.results})
        self.info = MeterInfo(
            name="replay",
            method="replay",
            domains=choose_domains(wanted, recorded, meter="replay"),
            resolution_s=0.0,
            details=(("recording", self._file), ("recorded_method", ", ".join(methods))),
        )

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Open the next recorded window of `label`; see `Meter.begin`.

        Raises:
            MeterUnavailable: The file holds no such case.
        """
        self._of(label)
        return _Window(label)

    def end(self, token: object) -> Reading:
        """The next recorded Reading of the case; see `Meter.end`."""
        assert isinstance(token, _Window), "end() takes what begin() gave"
        trials = self._of(token.label)
        index = self._played.get(token.label, 0)
        if index >= len(trials):
            raise MeasurementInvalid(
                f"{self._file} holds {len(trials)} windows of {token.label} and one more was opened; "
                "record a longer run or repeat no more than was recorded"
            )
        self._played[token.label] = index + 1
        reading = trials[index].reading
        domains = [domain for domain in self.info.domains if domain in reading.energy_j]
        if not domains:
            raise MeasurementInvalid(
                f"window {index} of {token.label} in {self._file} holds none of {', '.join(self.info.domains)}; "
                "choose domains that it holds with --energy-domains"
            )
        return Reading(
            energy_j={domain: reading.energy_j[domain] for domain in domains},
            duration_s=reading.duration_s,
            method="replay",
            uncertainty_j={domain: joules for domain, joules in reading.uncertainty_j.items() if domain in domains},
            doubts=tuple(dict.fromkeys(("replayed_not_measured", *reading.doubts))),
        )

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """None: there is no board."""
        return None

    def recorded(self, label: str) -> RecordedWindows | None:
        """Iterations of each recorded window of this case, in order.

        Raises:
            MeterUnavailable: The file holds no such case.
        """
        return RecordedWindows(iterations=tuple(trial.iterations for trial in self._of(label)))

    def _of(self, label: str) -> tuple[Trial, ...]:
        if label not in self._trials:
            known = ", ".join(nearest(label, self._trials, 2)) or "no case at all"
            raise MeterUnavailable(
                f"{self._file} holds no recording of {label}; it holds for example {known}; "
                "record it first, or select only recorded cases"
            )
        return self._trials[label]

    def close(self) -> None:
        """Nothing is held."""
