"""Things that lie in the topics and are no messages: what a careless integrator puts straight on Kafka."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from contracts.cards import CardIssued, CardKind
from contracts.messages import Command, Message
from contracts.topics import commands_topic
from runtime.edge import stamped
from runtime.journal import Outgoing
from runtime.settings import Settings
from services.demo.scale import Scale
from services.demo.sending import SOURCE, Sending, Stray, till_actor

Headers = list[tuple[str, bytes]]
TILL: Final = till_actor("market-1")


class Strays:
    """Makes messages that can't be processed out of good ones, one kind after the other."""

    def __init__(self, scale: Scale, settings: Settings) -> None:
        self._scale = scale
        self._settings = settings

    def all(self, sales: Iterator[Sending]) -> Iterator[Stray]:
        """One of each kind, and in a larger day some more; `sales` were sent before."""
        count = max(len(KINDS), self._scale.receipts // 500)
        for number, sale in enumerate(islice(sales, count)):
            yield self._stray(number, sale)

    def _stray(self, number: int, sale: Sending) -> Stray:
        spoil, reason, has_outcome = KINDS[number % len(KINDS)]
        own_id = self._scale.id(f"stray/{number}")
        message_id = sale.id if spoil is _other_content else own_id
        good = stamped(self._settings, SOURCE, sale.command, message_id, TILL, None)
        headers, value = spoil(list(good.headers), sale.command)
        worker = sale.command.worker
        marker = f"stray/{self._scale.code}/{number}".encode()
        message = Outgoing(commands_topic(self._settings.prefix, worker), marker, value, headers)
        return Stray(message_id, message, worker, reason, has_outcome)


def _with(headers: Headers, **changes: str | None) -> Headers:
    """Headers with some changed, or left out where they are None."""
    kept = [(name, value) for name, value in headers if name not in changes]
    return kept + [(name, value.encode()) for name, value in changes.items() if value is not None]


def _changed(command: Message, **changes: object) -> bytes:
    return json.dumps({**json.loads(command.encoded()), **changes}).encode()


def _cut_off(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return headers, command.encoded()[:40]


def _wrong_check_digit(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    number = json.loads(command.encoded())["card_number"]
    return headers, _changed(command, card_number=number[:-1] + str((int(number[-1]) + 1) % 10))


def _no_lines(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return headers, _changed(command, lines=[])


def _null(headers: Headers, _: Command) -> tuple[Headers, bytes | None]:
    return headers, None


def _unknown_type(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return _with(headers, ce_type="SellPurchase"), command.encoded()


def _event(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    number = json.loads(command.encoded())["card_number"]
    event = CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal")
    return _with(headers, ce_type=type(event).__name__), event.encoded()


def _loop(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return _with(headers, ce_hops="99"), command.encoded()


def _no_id(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return _with(headers, ce_id=None), command.encoded()


def _no_headers(_: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return [], command.encoded()


def _other_content(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    return headers, _changed(command, revision=7)


def _last_year(headers: Headers, command: Command) -> tuple[Headers, bytes | None]:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    return _with(headers, ce_time=long_ago.isoformat(timespec="milliseconds")), command.encoded()


Spoil = Callable[[Headers, Command], tuple[Headers, bytes | None]]
KINDS: Final[tuple[tuple[Spoil, str, bool], ...]] = (
    (_cut_off, "malformed", True),
    (_wrong_check_digit, "malformed", True),
    (_no_lines, "malformed", True),
    (_null, "malformed", True),
    (_unknown_type, "unknown_type", True),
    (_event, "unknown_type", True),
    (_loop, "too_many_hops", True),
    (_no_id, "malformed", False),
    (_no_headers, "malformed", False),
    (_other_content, "id_reused", False),
    (_last_year, "too_old", False),
)
"""How a message is spoilt, the reason that its dead letter gives, and whether an id of its own can be read."""
