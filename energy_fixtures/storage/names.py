"""What the name of an object in a shared store tells, so that a list alone answers most questions.

    <prefix>/<machine>/20261121_213658_3f2a9c1d0b7e~dirty_main_0badcafe0badcafe_0002.last.<sha256>.json
                       when            commit             branch run            group      content

Names of one content are equal, so sending it twice stores it once, and no two writers ever write the same name
otherwise. A word holds letters, digits, `.` and `-`; what else a branch is named with is written `~2F`.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from dataclasses import dataclass, replace

_WORD = re.compile(r"[A-Za-z0-9.~-]+")
_PLAIN = re.compile(r"[^A-Za-z0-9.-]")
_ESCAPED = re.compile(r"(?:~[0-9A-F]{2})+")
_LONGEST = 60  # of a word: file systems allow 255 bytes for all of a name
_DIGITS = 32  # of the content's SHA-256
_TIME = "%Y%m%d_%H%M%S"
UNKNOWN = "unknown"
_NAME = re.compile(
    r"(?P<when>\d{8}_\d{6})_(?P<commit>[A-Za-z0-9.~-]+?)(?P<dirty>~dirty)?_(?P<branch>[A-Za-z0-9.~-]+)"
    r"_(?P<run>[0-9a-f]{16})(?:-(?P<title>[A-Za-z0-9.~-]+))?_(?P<group>\d{4,6})(?P<last>\.last)?(?:\.(?P<content>[0-9a-f]{32}))?\.json"
)


@dataclass(frozen=True, kw_only=True)
class Name:
    """One case group of one run.

    Attributes:
        machine: The machine's folder, as a word.
        when: When the session began, by the writer's clock, UTC, whole seconds.
        commit, branch: As words; `unknown` where there is none.
        dirty: Whether there were edits on top of the commit.
        run: Sixteen hex digits of its own for every session.
        title: What `--energy-save` called it, as a word; empty without a name.
        group: From 1 on.
        last: Whether the session ended with this group, so that with all before it the run is whole.
        content: Digits of the content's SHA-256; empty while it is not known.
    """

    machine: str
    when: datetime.datetime
    commit: str
    dirty: bool
    branch: str
    run: str
    title: str = ""
    group: int
    last: bool = False
    content: str = ""

    @property
    def of_run(self) -> str:
        """What the names of all its groups begin with."""
        title = f"-{self.title}" if self.title else ""
        return f"{self.when:{_TIME}}_{self.commit}{'~dirty' if self.dirty else ''}_{self.branch}_{self.run}{title}"

    @property
    def stem(self) -> str:
        """The name without its content."""
        return f"{self.of_run}_{self.group:04d}{'.last' if self.last else ''}"

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.stem}{'.' if self.content else ''}{self.content}.json"

    def holding(self, content: bytes) -> Name:
        """The same with its content told."""
        return replace(self, content=content_word(content))


def begin(machine: str, commit: str | None, branch: str | None, *, dirty: bool, title: str | None = None) -> Name:
    """The first group of a run that begins now."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return Name(
        machine=word(machine),
        when=now,
        commit=word(commit[:12]) if commit else UNKNOWN,
        dirty=dirty,
        branch=UNKNOWN if branch is None else word(branch),
        run=secrets.token_hex(8),
        title=word(title) if title else "",
        group=1,
    )


def parse(machine: str, file: str) -> Name | None:
    """Read a name; None for one that is not ours, or of a folder that no word names.

    >>> parse("m", "20261121_213658_3f2a~dirty_a~2Fb_0badcafe0badcafe_0002.last.json").branch
    'a~2Fb'
    """
    found = _NAME.fullmatch(file)
    if found is None or not is_word(machine):
        return None
    try:
        when = datetime.datetime.strptime(found["when"], _TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return Name(
        machine=machine,
        when=when,
        commit=found["commit"],
        dirty=found["dirty"] is not None,
        branch=found["branch"],
        run=found["run"],
        title=found["title"] or "",
        group=int(found["group"]),
        last=found["last"] is not None,
        content=found["content"] or "",
    )


def content_word(content: bytes) -> str:
    """The digits by which a name tells a content."""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def word(text: str) -> str:
    """A text as one word of a name, equal for equal texts; a long one is cut and ends with a digest of the whole.

    >>> word("feature/long_name")
    'feature~2Flong~5Fname'
    """
    escaped = _PLAIN.sub(
        lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), text
    )
    if escaped in ("", ".", ".."):
        escaped = "".join(f"~{ord(character):02X}" for character in escaped) or "~"
    if len(escaped) <= _LONGEST:
        return escaped
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{escaped[: _LONGEST - 9]}~{digest}"


def is_word(text: str) -> bool:
    """Whether `word` may have made it: it names one folder, and none above.

    >>> is_word("Linux-CPython-3.11-64bit"), is_word(".."), is_word("a/b")
    (True, False, False)
    """
    return len(text) <= _LONGEST and text not in (".", "..") and _WORD.fullmatch(text) is not None


def text_of(escaped: str) -> str:
    """A word as it was typed, for people; a cut one stays as it is.

    >>> text_of("feature~2Flong~5Fname")
    'feature/long_name'
    """
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace"), escaped)
