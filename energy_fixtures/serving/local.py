"""Servers on this machine: which addresses those are, what a server says of itself, and which process it is."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.serving.client import Address

ASK_S = 5.0  # a server that is there answers within milliseconds
KEY = "OPENAI_API_KEY"
EXAMPLE = "give one such as http://127.0.0.1:8000"
MOST_BYTES = 64 << 20
"""Of an answer; a list of models has kilobytes."""

ANY = ("0.0.0.0", "::")
"""What a socket that listens at every address is bound to."""


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model as a server's /v1/models tells it.

    Attributes:
        id: By which requests name it.
        name: The id as results keep it: of a path the last part, so that no folder of a user is stored.
        root: Where its files are, where the server says so.
        context_tokens: Longest sequence, None where the server does not say.
    """

    id: str
    name: str
    root: str | None
    context_tokens: int | None


def local_address(url: str) -> Address:
    """Where an OpenAI-compatible server on this machine listens.

    Args:
        url: `http://127.0.0.1:8000`, with or without `/v1`; any name or address of this machine's loopback.

    Raises:
        ConfigurationError: No such address, or one of another machine. What may hold a secret is not repeated.
    """
    if any(mark in url for mark in "@?#"):
        raise ConfigurationError(
            "the address holds more than a server (a user, a password, a query); give the server alone, such as"
            f" http://127.0.0.1:8000, and put the key that it wants into {KEY}"
        )
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname or "", 80 if parts.port is None else parts.port
    except ValueError:
        raise ConfigurationError(f"{url!r} is no address; {EXAMPLE}") from None
    if parts.scheme != "http" or not host or port == 0:
        raise ConfigurationError(f"{url!r} is no address; {EXAMPLE}")
    if parts.path.strip("/") not in ("", "v1"):
        raise ConfigurationError(f"{url!r} names a page; give the server alone, such as http://127.0.0.1:8000")
    loopback = _loopback(host)
    if loopback is None:
        raise ConfigurationError(
            f"{host if host.isprintable() else ascii(host)} is not this machine's loopback, and energy is metered here: run pytest on the server's"
            " own machine and name the server as http://127.0.0.1:PORT"
        )
    return Address(host=loopback, port=port)


def server_key() -> str | None:
    """What the user says a running server wants as its key; None where nothing is said.

    Raises:
        ConfigurationError: It cannot stand in a header of a request. It is not repeated.
    """
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{KEY} holds characters that no request can carry; set it to the server's key alone")
    return key or None


def ask(address: Address, page: str, *, key: str | None = None, timeout_s: float = ASK_S) -> tuple[int, str]:
    """Status and text of a page; raises OSError or http.client.HTTPException where there is no answer."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    try:
        connection.request("GET", page, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()


def models_of(address: Address) -> list[ServedModel]:
    """The models that a running server serves.

    Raises:
        ConfigurationError: Nothing answers there, no OpenAI-compatible server, or one that wants another key.
    """
    where, key = f"http://{address.at}", server_key()
    try:
        status, text = ask(address, "/v1/models", key=key)
    except (OSError, http.client.HTTPException) as error:
        raise ConfigurationError(
            f"--energy-server: nothing answers at {where} ({error}); start the server first, or leave the option out"
        ) from None
    if status in (401, 403):
        wanted = f"set {KEY} to the server's key" if key is None else f"it does not take the key in {KEY}"
        raise ConfigurationError(f"--energy-server: {where} wants a key (status {status}); {wanted}")
    try:
        entries = json.loads(text)["data"]
        found = [_served(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = []
    if status != 200 or not found:
        raise ConfigurationError(
            f"--energy-server: {where}/v1/models answered with status {status} and names no model; it needs an"
            " OpenAI-compatible server that is ready"
        )
    return found


def listener_of(address: Address) -> int | None:
    """Process id of the server's root; None where the system does not tell (another user's, another container's)."""
    try:
        sockets = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    at_port: dict[str, set[int]] = {}
    for one in sockets:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == address.port and one.pid is not None:
            at_port.setdefault(one.laddr.ip, set()).add(one.pid)
    everywhere = {pid for ip in ANY for pid in at_port.get(ip, ())}
    pids = at_port.get(address.host) or everywhere  # the kernel too prefers a socket of the very address
    roots = [pid for pid in pids if not _ancestors(pid) & pids]  # workers that share the socket are its children
    return roots[0] if len(roots) == 1 else None


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def answers(address: Address) -> bool:
    """Whether anybody takes a connection there."""
    try:
        socket.create_connection((address.host, address.port), timeout=1.0).close()
    except OSError:
        return False
    return True


def is_healthy(address: Address) -> bool:
    """Whether the server says that it is ready."""
    try:
        return ask(address, "/health", timeout_s=1.0)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_for(address: Address, alive: Callable[[], bool], *, poll_s: float = 0.1) -> bool:
    """Wait until the server is ready; False when `alive()` says that its process has ended."""
    while alive():
        if is_healthy(address):
            return True
        time.sleep(poll_s)
    return False


def _loopback(host: str) -> str | None:
    """The address that a name or number of this machine's loopback stands for; None for every other.

    Of a name that stands for both kinds the one of IPv4, as servers mostly listen there.
    """
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return None
    addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
    plain = [getattr(one, "ipv4_mapped", None) or one for one in addresses]
    if not plain or not all(one.is_loopback for one in plain):
        return None
    return str(min(plain, key=lambda one: one.version))


def _served(entry: dict[str, Any]) -> ServedModel:
    identity = str(entry["id"])
    longest, root = entry.get("max_model_len"), entry.get("root")
    return ServedModel(
        id=identity,
        name=identity.rstrip("/").rsplit("/", 1)[-1] if identity.startswith(("/", ".", "~")) else identity,
        root=root if isinstance(root, str) else None,
        context_tokens=longest if isinstance(longest, int) else None,
    )


def _ancestors(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()
