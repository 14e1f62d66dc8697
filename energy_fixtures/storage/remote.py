"""A shared store, through fsspec; the only file that imports it, on first use.

    object stores (s3, gs, ...)     one PUT per object: there whole or not at all
    file systems over a network     written beside, then renamed; a local one is made durable as well

What the libraries below say of a failure may hold addresses, headers and keys: none of it is passed on, neither in a sentence
nor in a traceback, and their loggers are kept from DEBUG, where they write headers down. `StoreError` says what happened
in words of our own.
"""

from __future__ import annotations

import datetime
import errno
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from energy_fixtures.durable import make_folder, publish, remove_partials
from energy_fixtures.errors import ConfigurationError, JoulesError
from energy_fixtures.foreign import MOST_RESULT_BYTES
from energy_fixtures.storage.location import Location

CONNECT_S, READ_S, TRIES = 5, 15, 1
"""Patience: botocore asks once more, s3fs does not: a store that is silent holds a session up for 30 s, and nothing is lost."""

TOGETHER = 64
TOGETHER_BYTES = 256 << 20
"""Objects that are asked for at once, and what they hold; more would lie in memory together. A larger one comes alone."""

EXTRAS = {"s3": "s3", "s3a": "s3"}
"""Our extra by protocol; for others the package that fsspec names."""

_ONE_PUT = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"})
_LOGGERS = (
    "botocore",
    "boto3",
    "aiobotocore",
    "s3fs",
    "gcsfs",
    "adlfs",
    "fsspec",
    "aiohttp",
    "urllib3",
    "google",
    "azure",
)

_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
                "UnauthorizedSSOTokenError", "SSOTokenLoadError", "ProfileNotFound", "DefaultCredentialsError",
                "RefreshError", "ClientAuthenticationError", "PermissionError")  # fmt: skip
_LATE = ("ConnectTimeoutError", "ReadTimeoutError", "FSTimeoutError", "TimeoutError", "ServerTimeoutError")
_AWAY = ("EndpointConnectionError", "ConnectionError", "ConnectionClosedError", "ClientConnectorError", "ProxyConnectionError",
         "ConnectionRefusedError", "gaierror", "HTTPClientError", "SSLError")  # fmt: skip

_FULL_OR_CLOSED = (errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ENOTDIR, errno.ENAMETOOLONG)

Answer = TypeVar("Answer")


class StoreError(JoulesError):
    """A shared store did not do what it was asked; the sentence names the store and holds nothing that it said."""


class Found(NamedTuple):
    """An object that is there.

    Attributes:
        name: Relative to the store's address.
        size: Bytes.
        stamp: Equal for equal contents, as far as the store tells.
        modified: When the store took it, by the store's clock; None where it does not say.
    """

    name: str
    size: int
    stamp: str
    modified: datetime.datetime | None


class Remote:
    """One shared store.

    Args:
        location: Its address.

    Raises:
        ConfigurationError: Unknown protocol, or the package that speaks it is not installed; one sentence.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._fs = _file_system(location)
        self._root = str(self._fs._strip_protocol(location.text)).rstrip("/")

    def list(self, folder: str = "") -> list[Found]:
        """Every object below a folder of the store, by name.

        Raises:
            StoreError: It cannot be asked.
        """
        top = f"{self._root}/{folder}".rstrip("/")

        def found() -> dict[str, dict[str, Any]]:
            try:
                answer: dict[str, dict[str, Any]] = self._fs.find(top, detail=True)
            except FileNotFoundError:  # nothing was saved yet
                answer = {}
            return answer

        facts = self._ask("cannot be listed", found)
        start = len(self._root) + 1
        return sorted(_found(path[start:], info) for path, info in facts.items() if path.startswith(f"{self._root}/"))

    def read(self, name: str) -> bytes:
        """One object.

        Raises:
            StoreError: It is not there or cannot be read.
        """
        content: bytes = self._ask(f"did not give {name}", lambda: self._fs.cat_file(f"{self._root}/{name}"))
        return content

    def read_all(self, objects: Sequence[Found]) -> Iterator[tuple[str, bytes | StoreError]]:
        """Many objects, in order, some at a time; one that cannot be read, or is too large to be asked for, is its error.

        Raises:
            StoreError: The store cannot be asked at all.
        """
        for part in _together(objects):
            paths = {f"{self._root}/{one.name}": one for one in part}
            wanted = [path for path, one in paths.items() if one.size <= MOST_RESULT_BYTES]
            several = partial(self._fs.cat, wanted, on_error="return")
            answer: dict[str, Any] = self._ask("did not give its objects", several) if wanted else {}
            for path, (name, size, _, _) in paths.items():
                content = answer.get(path, FileNotFoundError())
                if isinstance(content, bytes):
                    yield name, content
                elif size > MOST_RESULT_BYTES:
                    most = f"{MOST_RESULT_BYTES >> 20:,} MiB"
                    yield (
                        name,
                        StoreError(f"{self.location / name} holds more than the {most} that are read of a result file"),
                    )
                else:
                    yield name, StoreError(f"{self.location} did not give {name}: {_reason(content)}")

    def write(self, name: str, content: bytes) -> None:
        """Put one object there, whole or not at all, and ask the store whether it has it. Again is the same.

        Raises:
            StoreError: It cannot be written, or the store has something else now.
        """
        path = f"{self._root}/{name}"
        self._ask("did not take a result", lambda: self._put(path, content))
        info: dict[str, Any] = self._ask("does not have what it took", lambda: self._fs.info(path))
        if info.get("size") != len(content):
            raise StoreError(
                f"{self.location} did not take a result: it has {info.get('size')} of its {len(content)} bytes"
            )

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; those that are gone already are no error.

        Raises:
            StoreError: One cannot be removed.
        """
        for name in names:
            self._ask(f"did not remove {name}", partial(self._remove, f"{self._root}/{name}"))

    def _remove(self, path: str) -> None:
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            return

    def _put(self, path: str, content: bytes) -> None:
        if self.location.protocol in ("file", "local"):
            place = Path(path)
            make_folder(place.parent)
            publish(place, content)
            remove_partials(place.parent)
        elif self.location.protocol in _ONE_PUT:
            self._fs.pipe_file(path, content)
        else:
            folder, _, file = path.rpartition("/")
            beside = f"{folder}/.{file}.{os.getpid()}.partial"
            self._fs.makedirs(folder, exist_ok=True)
            self._fs.pipe_file(beside, content)
            self._fs.mv(beside, path)

    def _ask(self, failed: str, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except Exception as error:  # each file system raises what its own libraries raise; none of it may pass
            reason = _reason(error)
        raise StoreError(
            f"{self.location} {failed}: {reason}"
        )  # outside of the block: no traceback of theirs hangs on it


def _together(objects: Sequence[Found]) -> Iterator[list[Found]]:
    """Parts of these that may be asked for at once."""
    part: list[Found] = []
    for one in objects:
        if part and (len(part) == TOGETHER or sum(had.size for had in part) + one.size > TOGETHER_BYTES):
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _file_system(location: Location) -> Any:
    protocol = location.protocol
    try:
        import fsspec
        from fsspec.registry import known_implementations as known
        from fsspec.registry import registry
    except ImportError:
        raise _missing(protocol, "fsspec") from None
    for name in _LOGGERS:  # at DEBUG they write down headers, tokens among them; pytest's --log-level reaches them too
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger(name).level))
    if protocol not in known and protocol not in registry:
        import difflib

        near = ", ".join(difflib.get_close_matches(protocol, known, cutoff=0.5) or ["s3", "gs", "file"])
        raise ConfigurationError(f"no storage speaks {protocol}://; use one of {near}")
    patience = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": {"max_attempts": 1}}
    settings: dict[str, Any] = {"config_kwargs": patience} if protocol in EXTRAS else {}
    reason = None
    try:
        system = fsspec.filesystem(
            protocol, use_listings_cache=False, **settings
        )  # one client per process, kept by fsspec
        if protocol in EXTRAS:
            system.retries = TRIES
        return system
    except ImportError:
        package = known.get(protocol, {}).get("class", protocol).partition(".")[0]
        raise _missing(protocol, package) from None
    except Exception as error:  # as in `Remote._ask`
        reason = _reason(error)
    raise StoreError(f"{location} cannot be opened: {reason}")


def _missing(protocol: str, package: str) -> ConfigurationError:
    ours = EXTRAS.get(protocol)
    command = f"pip install 'pytest-joules[{ours}]'" if ours else f"pip install fsspec {package}"
    return ConfigurationError(f"{protocol}:// needs the package {package}; install it with {command}")


def _reason(error: object) -> str:
    """What happened, in our own words: by the kind of the error, never by what it says."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if any(kind in _CREDENTIALS for kind in kinds):
        return (
            "it refuses the credentials of this machine, or there are none; "
            "set them by the environment or the provider's own files (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...)"
        )
    if "FileNotFoundError" in kinds:
        return "there is no such object or bucket"
    if any(kind in _LATE for kind in kinds):
        return "it did not answer in time"
    if any(kind in _AWAY for kind in kinds):
        return "it cannot be reached"
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL_OR_CLOSED:
        return os.strerror(number)
    if number in (errno.EIO, errno.EREMOTEIO):  # what a 500 becomes
        return "it answered with an error"
    return f"it failed ({kinds[0]})"


def _found(name: str, info: dict[str, Any]) -> Found:
    said = next(
        (info[key] for key in ("LastModified", "mtime", "updated", "last_modified", "created") if info.get(key)), None
    )
    modified = _moment(said)
    stamp = next((str(info[key]) for key in ("ETag", "etag", "md5Hash", "content_md5") if info.get(key)), None)
    size = int(info.get("size") or 0)
    return Found(name, size, f"{size}-{stamp or (modified.isoformat() if modified else '')}", modified)


def _moment(said: object) -> datetime.datetime | None:
    try:
        if isinstance(said, int | float):
            return datetime.datetime.fromtimestamp(said, datetime.UTC)
        moment = datetime.datetime.fromisoformat(said) if isinstance(said, str) else said
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(moment, datetime.datetime):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
