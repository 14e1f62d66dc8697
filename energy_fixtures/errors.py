"""The errors of this project, by whose concern they are.

Every message is one sentence or two: what was seen, what was needed, what to do.
Errors stop; doubts do not (a doubt is data on a Trial or a Reading, see `energy_fixtures.reasons`).
"""

from __future__ import annotations

MOST_SAID = 2_000
"""Characters of a sentence; a name from a file may hold more than anybody reads."""

MOST_OUTPUT = 20_000
"""Characters of another program's output."""


def harmless(text: str, *, lines: bool = False) -> str:
    """A text that may quote others, as data: what is not printable is written out, and a long one is cut.

    Nothing in it can steer a terminal or begin a line of its own, which continuous integration may take for a command.

    Args:
        text: Any.
        lines: Whether its line ends and tabs are kept, as of another program's output.

    >>> print(harmless("run \\x1b[31m\\n::error::x"))
    run \\x1b[31m\\n::error::x
    """
    kept = "\n\t" if lines else ""
    most = MOST_OUTPUT if lines else MOST_SAID
    if len(text) > 2 * most:  # before looking at every character of a file's worth
        text = text[:most] + text[-most:]
    shown = (
        text
        if text.isprintable()
        else "".join(one if one.isprintable() or one in kept else ascii(one)[1:-1] for one in text)
    )
    return shown if len(shown) <= most else f"{shown[: most // 2]} … {shown[-most // 2 :]}"


class JoulesError(Exception):
    """Base of every error that this project raises on purpose.

    Attributes:
        below: Lines of another program's output that are shown below the sentence; "" for none.
    """

    def __init__(self, sentence: str = "", *, below: str = "") -> None:
        super().__init__(sentence)
        self.below = below

    def __str__(self) -> str:
        sentence = harmless(super().__str__())
        return f"{sentence}\n{harmless(self.below, lines=True)}" if self.below else sentence


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
        self.message = message
        self.kind = kind
        self.log_tail = log_tail

    def __str__(self) -> str:
        message = harmless(self.message, lines=True)  # a framework's own words, which may be several lines
        tail = harmless(self.log_tail, lines=True)
        return f"{message}\n--- the engine's last lines ---\n{tail}" if tail else message


class ResultFileError(JoulesError):
    """A result file cannot be read: foreign, truncated, or written by a newer version."""
