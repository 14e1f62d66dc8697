"""A folder or a URL, as `--energy-storage` and `--storage` name it. Credentials are never part of one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_CHAIN = "::"  # fsspec's chains of file systems, `simplecache::s3://...`

_NAMED = ("abfs", "abfss", "hdfs")
"""Protocols that name a container or a user before @: `abfs://container@account.dfs.core.windows.net/prefix`."""

SECRETS = (
    "give credentials by the environment or the provider's own files (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...), "
    "never in the address"
)


@dataclass(frozen=True)
class Location:
    """Where runs are kept.

    Attributes:
        text: A folder's path as it was typed, or a URL without a slash at its end.
    """

    text: str

    @property
    def shared(self) -> bool:
        """Whether it is a URL, laid out for many writers."""
        return _URL.fullmatch(self.text) is not None

    @property
    def folder(self) -> Path:
        """The folder that it is; only where it is not shared."""
        assert not self.shared, "a URL is no folder"
        return Path(self.text)

    @property
    def protocol(self) -> str:
        """`s3` of a URL."""
        return self.text.partition("://")[0].lower()

    @property
    def key(self) -> str:
        """Sixteen hex digits for names of this machine's copies; equal for equal places."""
        place = self.text if self.shared else str(self.folder.resolve())
        return hashlib.sha256(place.encode()).hexdigest()[:16]

    def __truediv__(self, name: str) -> str:
        return f"{self.text}/{name}"

    def __str__(self) -> str:
        return self.text


def is_url(text: str) -> bool:
    """Whether a reference begins as a URL does.

    >>> is_url("s3://lab/runs"), is_url("runs/0001"), is_url("C:/runs")
    (True, False, False)
    """
    return _URL.fullmatch(text) is not None


def location_of(text: str) -> Location:
    """Read what was typed.

    Raises:
        ConfigurationError: Empty, a URL without a place in it, or one that holds credentials, which are not repeated.

    Example:
        >>> location_of("s3://lab/energy/").text
        's3://lab/energy'
    """
    if not text:
        raise ConfigurationError("the storage is empty; name a folder, or a URL such as s3://bucket/prefix")
    if _CHAIN in text and "://" in text:
        raise ConfigurationError(
            "the storage is a chain of file systems (::); name one URL, such as s3://bucket/prefix"
        )
    url = _URL.fullmatch(text)
    if url is None:
        return Location(text)
    protocol, rest = url[1].lower(), url[2]
    authority = rest.partition("/")[0]
    user, _, host = authority.rpartition("@")
    if "@" in authority and not (protocol in _NAMED and host and re.fullmatch(r"[^:@]+", user)):
        raise ConfigurationError(f"the {protocol} URL of the storage holds a user or a password before @; {SECRETS}")
    if "?" in rest or "#" in rest:
        raise ConfigurationError(f"the {protocol} URL of the storage holds a query (? or #); {SECRETS}")
    if any(ord(character) < 32 or character == "\x7f" for character in rest):
        raise ConfigurationError(f"the {protocol} URL of the storage holds a control character; write it plainly")
    parts = rest.split("/")
    if ".." in parts or not any(parts):
        raise ConfigurationError(f"{text!r} names no place; write it as s3://bucket/prefix")
    return Location(f"{protocol}://{rest.rstrip('/')}")
