"""What `joules ab` is asked, checked before anything is started."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from reports.ab import keep
from reports.ab.blocks import check_arguments
from reports.ab.order import Goal
from reports.ab.sides import split_words
from reports.gate import Limit, parse_limit

BLOCK_ROUNDS = 2  # the fewest that a case may have in one session


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, checked by `asked`.

    Attributes:
        arguments: pytest's.
        folder: Where it is asked.
        base, head: Revisions; `base` None where options are compared, `head` None for the checkout as it is.
        setup: A shell command that installs a revision's checkout.
        options: The words of --a and --b, None where revisions are compared.
        goal: How much to measure.
        limits: What fails a case.
        save: Folder for both sides' results.
    """

    arguments: tuple[str, ...]
    folder: Path
    base: str | None
    head: str | None
    setup: str | None
    options: tuple[str, str] | None
    goal: Goal
    limits: tuple[Limit, ...]
    save: Path | None


def asked(
    *,
    arguments: Sequence[str],
    folder: Path,
    revisions: tuple[str | None, str | None, str | None],
    options: tuple[str | None, str | None],
    goal: tuple[int, float | None, float | None],
    limits: Sequence[str],
    save: Path | None,
    output: Path | None,
) -> Question:
    """Check what can be checked before anything is started.

    Args:
        arguments: pytest's.
        folder: Where it is asked.
        revisions: --base, --head and --setup.
        options: --a and --b.
        goal: --rounds, --max-time and --max-joules.
        limits: Each --fail.
        save, output: --save and --output.

    Raises:
        ConfigurationError: Both kinds of sides or neither, a number that cannot be, or an argument that pytest must not get.
    """
    base, head, setup = revisions
    if any(word is not None for word in revisions) and any(word is not None for word in options):
        raise ConfigurationError("--base, --head and --setup compare revisions, --a and --b options; give one kind")
    if base is None and options == (None, None):
        raise ConfigurationError(
            "it is not said what to compare; give --base REV, or --a and --b with options for pytest"
        )
    words = [word for text, option in zip(options, ("--a", "--b"), strict=True) for word in split_words(text, option)]
    check_arguments([*arguments, *words])
    judged = tuple(dict.fromkeys(parse_limit(expression, "--fail ") for expression in limits))
    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise ConfigurationError(f"--output {output} is no file that can be written; name one in a folder that exists")
    if save is not None:
        keep.check_folder(save)
    return Question(
        arguments=tuple(arguments),
        folder=folder,
        base=base,
        head=head,
        setup=setup,
        options=(options[0] or "", options[1] or "") if base is None else None,
        goal=_goal(*goal),
        limits=judged,
        save=save,
    )


def _goal(rounds: int, max_time_s: float | None, max_joules: float | None) -> Goal:
    if rounds < 2:
        raise ConfigurationError(f"--rounds {rounds}: a side needs 2 valid trials of a case for a spread")
    for name, value in (("--max-time", max_time_s), ("--max-joules", max_joules)):
        if value is not None and not 0 < value < math.inf:
            raise ConfigurationError(f"{name} {value:g} is no budget; give a number > 0")
    return Goal(
        rounds=rounds,
        block_rounds=BLOCK_ROUNDS,
        max_time_s=math.inf if max_time_s is None else max_time_s,
        max_joules=math.inf if max_joules is None else max_joules,
    )
