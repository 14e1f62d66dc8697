"""The errors of this project, by whose concern they are.

Every message is one sentence or two: what was seen, what was needed, what to do.
Errors stop; doubts do not (a doubt is data on a Trial or a Reading, see `energy_fixtures.reasons`).
"""

from __future__ import annotations


class JoulesError(Exception):
    """Base of every error that this project raises on purpose."""


class ConfigurationError(JoulesError):
    """The user asked for something that does not exist or does not fit; inside pytest it ends with exit code 4."""


class MeterUnavailable(JoulesError):
    """The machine has no counter of the kind that was asked for, or refuses to let it be read."""


class MeasurementInvalid(JoulesError):
    """A reading was taken but cannot be believed, or cannot be computed from what was read."""


class EngineFailed(JoulesError):
    """An engine could not be loaded or did not finish its work; it concerns the cases that need it, nothing else.

    Attributes:
        kind: What happened, as a closed set: `raised`, `out_of_memory`, `killed`, `timeout`, `unsupported`.
        log_tail: The last lines that the engine's own process wrote, for the failure report.
    """

    def __init__(self, message: str, *, kind: str, log_tail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.log_tail = log_tail

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n--- the engine's last lines ---\n{self.log_tail}" if self.log_tail else message


class ResultFileError(JoulesError):
    """A result file cannot be read: foreign, truncated, or written by a newer version."""
