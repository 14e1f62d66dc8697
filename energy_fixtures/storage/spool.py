"""What this machine has measured for a shared store and not sent yet. Nothing leaves it before the store has it.

<cache>/spool/<location>/address.txt                        the store's address
                         <machine>/<name>_0002.jsonl        while its group is measured: one fsynced line per case
                         <machine>/<name>_0001.json         whole, waiting to be sent
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from energy_fixtures.durable import make_folder, publish
from energy_fixtures.errors import ConfigurationError, harmless
from energy_fixtures.storage.cache import cache_folder
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.names import Name, parse
from energy_fixtures.storage.remote import Remote, StoreError
from energy_fixtures.store import Head, RunWriter, Store

_ADDRESS = "address.txt"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of sending.

    Attributes:
        sent: Files that the store has now and this machine no longer keeps.
        waiting: Files that wait still.
        reason: Why, as a sentence; None where nothing waits.
    """

    sent: int
    waiting: int
    reason: str | None = None


class Spool:
    """The files that wait for one store.

    Args:
        location: Of the store.

    Raises:
        ConfigurationError: Its folder on this machine cannot be made.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self.folder = cache_folder("spool", location.key)
        try:
            publish(self.folder / _ADDRESS, location.text.encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def begin(self, name: Name, head: Head) -> RunWriter:
        """Open the journal of one group.

        Raises:
            ConfigurationError: It cannot be written.
        """
        path = self.path(name).with_suffix(".jsonl")
        try:
            make_folder(path.parent)
            journal = FileIO(path, "xb")
            fcntl.flock(journal, fcntl.LOCK_EX)
            return RunWriter(journal, path, self.path(name), head)
        except OSError as error:
            raise self._unwritable(error) from error

    def path(self, name: Name) -> Path:
        """Where the document of a group waits."""
        return self.folder / name.machine / name.file

    def recover(self, say: Callable[[str], None] = lambda line: None) -> int:
        """Turn the journals of sessions that were killed into documents that wait as well; how many.

        Args:
            say: Takes a line for each journal that could not be read whole, and is kept.
        """
        machines = [entry.name for entry in self.folder.iterdir() if entry.is_dir()]
        return sum(len(Store(self.folder, machine).recover(say)) for machine in machines)

    def waiting(self) -> list[Path]:
        """The documents that wait, oldest first; other files are none of ours, and stay."""
        found = (path for path in self.folder.glob("*/*.json") if parse(path.parent.name, path.name) and path.is_file())
        return sorted(found, key=lambda path: path.name)

    def send(self, remote: Remote) -> Sent:
        """Send what waits; each goes from here only when the store has it.

        The first failure of the store ends it for now; a file that cannot be read here keeps no other from being sent.
        """
        sent, reason = 0, None
        for path in self.waiting():
            try:
                sent += _send(path, remote)
            except StoreError as error:
                return Sent(sent=sent, waiting=len(self.waiting()), reason=str(error))
            except OSError as error:
                reason = f"cannot read {path}: {error.strerror}"
        return Sent(sent=sent, waiting=0 if reason is None else len(self.waiting()), reason=reason)

    def _unwritable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"cannot keep results in {self.folder} until they are sent ({error.strerror}); "
            "name a writable folder with XDG_CACHE_HOME"
        )


def _send(path: Path, remote: Remote) -> int:
    """Send one file; 0 where another process of this machine has done so meanwhile."""
    name = parse(path.parent.name, path.name)
    if name is None:
        return 0
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    remote.write(f"{name.machine}/{name.holding(content).file}", content)
    path.unlink(missing_ok=True)
    return 1


def spools() -> Iterator[Spool]:
    """Every spool of this machine."""
    for address in sorted(cache_folder("spool").glob(f"*/{_ADDRESS}")):
        with contextlib.suppress(OSError, ConfigurationError, UnicodeDecodeError):
            location = location_of(address.read_text())
            if location.key == address.parent.name:  # a folder that was copied or edited is not sent elsewhere
                yield Spool(location)


def waiting_sentence(sent: Sent) -> str:
    """What waits, why, and what to do."""
    files = f"{sent.waiting} file{'s wait' if sent.waiting != 1 else ' waits'} on this machine"
    return harmless(f"{sent.reason}; {files}: the next session to this store, or joules storage push, sends what waits")
