"""The same work on several cores, on data that the processes share by having been forked."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection

from energy_fixtures.errors import ConfigurationError, JoulesError

MOST_PROCESSES = 4
"""More share one disk and one memory bus without becoming faster."""


def cores() -> int:
    """How many processes are worth starting here; 1 where a process cannot be forked."""
    if "fork" not in multiprocessing.get_all_start_methods() or not hasattr(os, "sched_getaffinity"):
        return 1
    return min(MOST_PROCESSES, len(os.sched_getaffinity(0)))


@contextlib.contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Records hold no cycles, and looking for some takes a third of the time where a case has a million windows."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def shared_out(work: Callable[[Sequence[str]], bytes], items: Sequence[str], processes: int) -> list[bytes]:
    """Do `work` on consecutive parts of `items`, each in a process of its own; answers in order.

    Raises:
        ConfigurationError, ArithmeticError: As `work` raised it.
        JoulesError: A process ended without an answer.
    """
    size = -(-len(items) // processes)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    if len(parts) < 2:
        return [work(part) for part in parts]
    context = multiprocessing.get_context("fork")
    running = []
    for part in parts:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(work, part, sender), daemon=True)
        process.start()
        sender.close()
        running.append((process, receiver))
    answers = []
    for process, receiver in running:
        try:
            good, answer = receiver.recv_bytes(), receiver.recv_bytes()
        except EOFError as error:
            raise JoulesError(
                "a process that compared a part of the cases was killed; is there enough memory?"
            ) from error
        process.join()
        if good == b"!":
            raise ArithmeticError(answer.decode())
        if good != b"+":
            raise ConfigurationError(answer.decode())
        answers.append(answer)
    return answers


def _answer(work: Callable[[Sequence[str]], bytes], part: Sequence[str], sender: Connection) -> None:
    gc.disable()  # nothing it makes is a cycle, and it is gone soon
    try:
        answer = work(part)
        sender.send_bytes(b"+")
        sender.send_bytes(answer)
    except JoulesError as error:
        sender.send_bytes(b"-")
        sender.send_bytes(str(error).encode())
    except (ArithmeticError, ValueError) as error:
        sender.send_bytes(b"!")
        sender.send_bytes((str(error) or type(error).__name__).encode())
    finally:
        sender.close()
