"""Published traces by name, for who has a network: fetched once, checked, and put in place as a whole.

Nothing else of this project goes to the network for a workload. What is fetched comes encrypted, from the publisher's own
hosts, in no more bytes than it has, and is not the file before its checksum is right.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError, JoulesError

TIMEOUT_S = 60.0  # without a byte
CHUNK_BYTES = 1 << 20
MOST_BYTES = 8 << 30
"""Of a file whose size nobody states."""

STORES = {"github.com": (".githubusercontent.com",), "huggingface.co": (".huggingface.co", ".hf.co")}
"""Where the hosts of `DOWNLOADS` keep large files: what their names end in, beside the host itself."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """A published file.

    Attributes:
        url: Where its authors keep it.
        licence: Under which they do.
        size_bytes: Its size; None where no source states it exactly.
        sha256: Its checksum; None where none is known, which is said after fetching.
    """

    url: str
    licence: str
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[1]


_AZURE = "https://raw.githubusercontent.com/Azure/AzurePublicDataset/master/data"
_AZURE_2024 = "https://github.com/Azure/AzurePublicDataset/releases/download/dataset-llm-2024"
_BURSTGPT = "https://github.com/HPMLL/BurstGPT/releases/download/v1.1"
_CC_BY = "CC BY 4.0"

# Checksums: the Azure files of 2023 as several independent users state them (that of conv was computed here as well);
# BurstGPT from the pointers in the repository's data folder (Git LFS, commits 5d93d82 and 1f52bc8); ShareGPT as several
# independent users state it. No source with the checksums of the Azure files of 2024 was found.
DOWNLOADS: dict[str, Download] = {
    "azure-2023-conv": Download(
        url=f"{_AZURE}/AzureLLMInferenceTrace_conv.csv",
        licence=_CC_BY,
        size_bytes=719_188,
        sha256="2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
    ),
    "azure-2023-code": Download(
        url=f"{_AZURE}/AzureLLMInferenceTrace_code.csv",
        licence=_CC_BY,
        sha256="54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
    ),
    "azure-2024-conv": Download(url=f"{_AZURE_2024}/AzureLLMInferenceTrace_conv_1week.csv", licence=_CC_BY),
    "azure-2024-code": Download(url=f"{_AZURE_2024}/AzureLLMInferenceTrace_code_1week.csv", licence=_CC_BY),
    "burstgpt-1": Download(
        url=f"{_BURSTGPT}/BurstGPT_1.csv",
        licence=_CC_BY,
        size_bytes=52_283_111,
        sha256="4bb3783693d0a435686fbfc885615d2349bd067239079fa4b749f2e679e12122",
    ),
    "burstgpt-2": Download(
        url=f"{_BURSTGPT}/BurstGPT_2.csv",
        licence=_CC_BY,
        size_bytes=144_819_209,
        sha256="44bf5942b03fca42c01a226a545ad3a750ec62688faecd67b6831c56a8928bf7",
    ),
    "burstgpt-1-without-fails": Download(
        url=f"{_BURSTGPT}/BurstGPT_without_fails_1.csv",
        licence=_CC_BY,
        size_bytes=51_429_517,
        sha256="a4d068a7113ec0290e74063a1b3447dc6001a30e4298eb313581b71006dda1f4",
    ),
    "burstgpt-2-without-fails": Download(
        url=f"{_BURSTGPT}/BurstGPT_without_fails_2.csv",
        licence=_CC_BY,
        size_bytes=142_376_815,
        sha256="56193aa9b2bb26128ded43d2d29a960df6bf5af062bcfc9b005f3fcaa4e6e501",
    ),
    "sharegpt-v3": Download(
        url="https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered/resolve/main/"
        "ShareGPT_V3_unfiltered_cleaned_split.json",
        licence="as its page says",
        size_bytes=672_837_942,
        sha256="35f0e213ce091ed9b9af2a1f0755e9d39f9ccec34ab281cd4ca60d70f6479ba4",
    ),
}


class DownloadFailed(JoulesError):
    """A published file could not be fetched, or what came is not that file. Nothing was put in place."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a download gave.

    Attributes:
        path: Where the file lies.
        sha256: Computed of it.
        verified: Whether that is the published checksum; False where none is known.
        was_there: Whether it lay there already, whole, so that nothing was fetched.
    """

    path: Path
    sha256: str
    verified: bool
    was_there: bool


def fetch(
    name: str,
    folder: Path,
    *,
    downloads: dict[str, Download] = DOWNLOADS,
    timeout_s: float = TIMEOUT_S,
    say: Callable[[str], None] = lambda step: None,
) -> Fetched:
    """Fetch a published trace into a folder, check it, and only then give it its name.

    Args:
        name: A key of `downloads`.
        folder: Where to; made where it is missing.
        downloads: What can be fetched.
        timeout_s: How long the other side may be silent, seconds.
        say: Is told how far it is.

    Raises:
        ConfigurationError: No such name (the nearest are named), or a file of that name is there and is another one.
        DownloadFailed: No answer, an answer that is cut off, or another file than the published one.
    """
    import http.client  # and what it brings, only for who fetches
    import urllib.error

    if name not in downloads:
        near = difflib.get_close_matches(name[:200], downloads, n=3, cutoff=0.4)
        raise ConfigurationError(f"nothing to download is called {name!r}; there are {', '.join(near or downloads)}")
    wanted = downloads[name]
    target = folder / wanted.file_name
    if target.exists():
        return _present(target, wanted)
    partial = folder / f".{wanted.file_name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sha256 = _receive(name, wanted, partial, timeout_s, say)
        partial.replace(target)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(f"{wanted.url} could not be fetched: {reason}; nothing was kept, try again") from error
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return Fetched(path=target, sha256=sha256, verified=wanted.sha256 is not None, was_there=False)


def _receive(name: str, wanted: Download, partial: Path, timeout_s: float, say: Callable[[str], None]) -> str:
    """Write what comes, and refuse what is not the published file; its checksum."""
    import urllib.request

    digest, received = hashlib.sha256(), 0
    request = urllib.request.Request(wanted.url, headers={"User-Agent": "pytest-joules"})
    opener = urllib.request.build_opener(_redirects(wanted.url))
    with opener.open(request, timeout=timeout_s) as answer, partial.open("wb") as file:
        announced = answer.headers.get("Content-Length")
        size = int(announced) if announced and announced.isdecimal() else wanted.size_bytes
        while chunk := answer.read(CHUNK_BYTES):
            received += len(chunk)
            if received > (wanted.size_bytes or MOST_BYTES):
                most = (
                    f"{wanted.size_bytes:,} that are published" if wanted.size_bytes else f"{MOST_BYTES:,} of any trace"
                )
                raise DownloadFailed(f"{wanted.url} gave more bytes than the {most}; nothing was kept")
            digest.update(chunk)
            file.write(chunk)
            say(f"{name}: {received / 1e6:.0f}" + (f" of {size / 1e6:.0f} MB" if size else " MB"))
        file.flush()
        os.fsync(file.fileno())
    for fact, expected in (("announced", size), ("published", wanted.size_bytes)):
        if expected is not None and received != expected:
            raise DownloadFailed(
                f"{wanted.url} gave {received:,} bytes, {expected:,} are {fact}; nothing was kept, try again"
            )
    if wanted.sha256 is not None and digest.hexdigest() != wanted.sha256:
        raise DownloadFailed(
            f"{wanted.url} gave a file with the SHA-256 {digest.hexdigest()}, published is {wanted.sha256}; nothing was kept"
        )
    return digest.hexdigest()


def _redirects(url: str) -> Any:
    """What follows the answers that name another place: only encrypted ones where the first was, of the publisher's hosts.

    The handler raises DownloadFailed.
    """
    import urllib.request
    from urllib.parse import urlsplit

    first = urlsplit(url)

    class Follow(urllib.request.HTTPRedirectHandler):
        max_redirections = 5

        def redirect_request(self, *arguments: Any) -> Any:
            new = urlsplit(arguments[-1])
            host, home = (new.hostname or "").lower(), first.hostname or ""
            known = host == home or host.endswith(STORES.get(home, ("\0",)))
            if new.scheme not in ("https", first.scheme) or not known:
                raise DownloadFailed(
                    f"{url} sends on to {new.scheme}://{host}, which is not where its authors keep it; nothing was kept"
                )
            return super().redirect_request(*arguments)

    return Follow()


def _present(target: Path, wanted: Download) -> Fetched:
    try:
        with target.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be read: {error.strerror or error}") from error
    if wanted.sha256 is not None and sha256 != wanted.sha256:
        raise ConfigurationError(
            f"{target} is there and is another file (SHA-256 {sha256}, published is {wanted.sha256}); move it away"
        )
    return Fetched(path=target, sha256=sha256, verified=wanted.sha256 is not None, was_there=True)
