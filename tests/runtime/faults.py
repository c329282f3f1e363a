"""Faults for tests of the machine: crashes after each step of a batch, commits of unknown fate, brokers that balk.

Nothing in the runtime knows of them: they wrap what a `Process` or a `Store` is made of.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError, KafkaTimeoutError
from pymongo.errors import AutoReconnect

from runtime.publishing import Publisher
from runtime.serve import Process
from runtime.store import Store, Transaction
from runtime.transaction import Step

Hook = Callable[[Transaction], Awaitable[None]]


class Crash(BaseException):
    """The end of a process: nothing in the runtime may catch it."""


def crash(*_: object) -> None:
    """End the process."""
    raise Crash


def before(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Have something happen before an asynchronous method."""
    inner = getattr(owner, name)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        act(*args)
        return await inner(*args, **kwargs)

    setattr(owner, name, wrapped)


def after(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Have something happen after an asynchronous method."""
    inner = getattr(owner, name)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await inner(*args, **kwargs)
        act(result)
        return result

    setattr(owner, name, wrapped)


class _CrashingDecoder:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def decode(self, records: Sequence[Any]) -> Any:
        self._inner.decode(records)
        raise Crash


def in_transactions(store: Store, prepare: Callable[[Transaction], None]) -> None:
    """Prepare every transaction that a store begins."""
    inner = store.transaction

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        async with inner() as begun:
            prepare(begun)
            yield begun

    store.transaction = transaction  # type: ignore[method-assign]  # that is the fault


def sealing(store: Store, change: Callable[[Step], Step]) -> None:
    """Have something else happen where a transaction's thread commits."""

    def prepare(transaction: Transaction) -> None:
        inner = transaction._seal
        transaction._seal = lambda: change(inner())  # type: ignore[method-assign]  # that is the fault

    in_transactions(store, prepare)


def once(act: Callable[..., Any]) -> Callable[..., Any]:
    """Something that happens the first time only."""
    done = False

    def wrapped(*args: Any) -> Any:
        nonlocal done
        if done:
            return None
        done = True
        return act(*args)

    return wrapped


def _after_decode(process: Process) -> None:
    process.batches._decoder = _CrashingDecoder(process.batches._decoder)  # type: ignore[assignment]  # that is the fault


def _after_load(process: Process) -> None:
    in_transactions(process.store, lambda each: after(each, "load", crash))


def _after_handle(process: Process) -> None:
    in_transactions(process.store, lambda each: before(each, "commit", crash))


def _written_not_committed(process: Process) -> None:
    sealing(process.store, lambda commit: crash)


def _after_commit(process: Process) -> None:
    sealing(process.store, lambda commit: lambda: crash(commit()))


def _half_published(process: Process) -> None:
    sent: list[str] = []

    def act(topic: str, *_: Any) -> None:
        if sent:
            raise Crash
        sent.append(topic)

    before(process.publisher, "_send", act)


STEPS: dict[str, Callable[[Process], None]] = {
    "decode": _after_decode,
    "journal look-up": lambda process: after(process.store, "finished", crash),
    "load": _after_load,
    "handle": _after_handle,
    "write": _written_not_committed,
    "commit": _after_commit,
    "settled": lambda process: before(process.publisher, "publish", crash),
    "half of publishing": _half_published,
    "publish": lambda process: after(process.publisher, "publish", crash),
    "offsets": lambda process: after(process.consumer, "commit", crash),
    "settled, not marked": lambda process: before(process.store, "mark_dispatched", crash),
    "mark": lambda process: after(process.store, "mark_dispatched", crash),
}
"""By the step after which it comes: how to make a process crash."""


def unknown_commit(store: Store, *, is_applied: bool, times: int = 1) -> None:
    """Have commits end with a lost connection, applied or not."""
    left = [times]

    def lost(commit: Step) -> Step:
        def act() -> None:
            if left[0] == 0 or is_applied:
                commit()
            if left[0]:
                left[0] -= 1
                raise AutoReconnect("lost", errors={"errorLabels": ["UnknownTransactionCommitResult"]})

        return act

    sealing(store, lost)


def interfere(store: Store, act: Hook, times: int = 1) -> None:
    """Have somebody else write between what a transaction loads and what it commits."""
    left = [times]

    def prepare(transaction: Transaction) -> None:
        inner = transaction.commit

        async def commit(*args: Any) -> Any:
            if left[0]:
                left[0] -= 1
                await act(transaction)
            return await inner(*args)

        transaction.commit = commit  # type: ignore[method-assign,assignment]  # that is the fault

    in_transactions(store, prepare)


def balk(
    publisher: Publisher, refuses: Callable[[str, int], bool], error: type[KafkaError] = KafkaTimeoutError
) -> None:
    """Have the broker refuse what goes to some places."""
    inner = publisher._send

    async def send(topic: str, partition: int, messages: Sequence[Any]) -> None:
        if refuses(topic, partition):
            raise error
        await inner(topic, partition, messages)

    publisher._send = send  # type: ignore[method-assign]  # that is the fault
