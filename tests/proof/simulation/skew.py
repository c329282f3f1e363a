"""Write skew: what snapshot transactions let happen, looked for in what messages read and write, not in what happened.

Two messages of different keys may be decided by two processes at once. Where each reads a document that the other
writes, and none is written by both, MongoDB stops neither, and each has decided by what was over already (Berenson et
al., A Critique of ANSI SQL Isolation Levels, 1995: A5B). That it happens takes an unlucky moment; that it could is seen
whenever both come in one run, at any distance: what reads something that another message has written is decided once
more as if that one were under way still. Messages of one key are taken for decided by one process.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from functools import cached_property
from typing import Any, Final

from contracts.messages import Message
from runtime.context import Context
from runtime.decisions import Decision, Handler, NotLoaded, Refused
from runtime.documents import Document, Slot, View
from tests.proof.case import Violation

HARMLESS: Final[Mapping[tuple[str, ...], str]] = {
    ("BeginVerification", "CodeSends"): "how many codes were sent: where it changes somebody else, it sends none",
    ("ChangeEmail", "Member"): "which addresses those had who were absorbed: they change no more",
    ("DeleteCard", "Card"): "which others are left: whoever takes one out of use writes the member's list, too",
    ("EraseTexts", "Message"): "texts to who was removed: longer ago than any batch takes",
    ("IssueVirtualCard", "Card"): "whether a number is taken: it stays taken",
    ("JoinAccount", "Account"): "which it is: where its cards or holdings matter, it is written",
    ("JoinAccount", "Card"): "whether cards that lead to one account are held alike: one that isn't is written",
    ("MemberRemoved", "Message"): "texts to who goes: they are erased once more later",
    ("ReckonTier", "Card"): "whose it is, to say so: of somebody who is gone nobody is told",
    ("SetPassword", "Member"): "where the link was sent: an old address would do as well a moment before",
    ("RefundPurchase", "Account", "UseCoupon"): "of a sale that isn't known yet; ReturnCoupons meets whoever uses one",
    ("RefundPurchase", "Account", "UseReward"): "the same, with ReturnRewards",
    ("UndoTierAssignment", "Coupon"): "one that it leaves it leaves to whoever has it",
}
"""What a kind of message reads of a kind of document, and why nothing follows when that changes in the same moment;
with a third name, when that kind of message changes it."""
LOOKED_AT_EVERY: Final = 2
"""Every so many seeds it is looked for: it takes a tenth of the time, and most of it shows in most seeds."""
ENOUGH: Final = 30
"""How often in a run two kinds of messages are compared."""
ErasedBy = dict[type[Document], set[str]]
"""By which fields, besides their ids, documents are erased somewhere."""
Decide = Callable[[Handler, Message, Context[Any], View], Decision]


class Looking(View):
    """A view that notes what is looked at; with what stood in some places earlier."""

    __slots__ = ("_earlier", "seen")

    def __init__(self, view: View, earlier: Mapping[Slot, Document | None]) -> None:
        self._now = view._now
        self._earlier = earlier
        self.seen: set[Slot] = set()

    def knows(self, slot: Slot) -> bool:
        """Whether the slot was asked for."""
        return slot in self._now or slot in self._earlier

    def at(self, slot: Slot) -> Document | None:
        """What the view holds there."""
        self.seen.add(slot)
        return self._earlier[slot] if slot in self._earlier else self._now[slot]


class Footprint:
    """What deciding one message read and wrote; worked out when somebody asks, as nobody does of most."""

    def __init__(self, name: str, message: Message, looking: Looking, decision: Decision, erased_by: ErasedBy) -> None:
        self.id = name
        self.kind = type(message).__name__
        self.key = message.key_value
        self.seen = looking.seen
        self._decision = decision
        self._erased_by = erased_by
        slots = (*decision.documents, *((each.document, each.value) for each in decision.erased))
        self.before = {slot: looking.at(slot) if looking.knows(slot) else None for slot in slots}
        """What stood at the slots that it wrote."""

    @cached_property
    def written(self) -> set[Slot]:
        """Where it wrote; and of documents that others erase by a field, with which value."""
        made = ((type(document), document) for document in self._decision.documents.values())
        found = {_search(kind, field, getattr(each, field)) for kind, each in made for field in self._erased_by[kind]}
        return found | self.before.keys()

    @cached_property
    def read(self) -> set[Slot]:
        """Where it looked without writing; whoever erases all that have some value looks which there are."""
        by_field = (each for each in self._decision.erased if each.field != "id")
        return (self.seen | {_search(each.document, each.field, each.value) for each in by_field}) - self.written


class Footprints:
    """Follows the decisions of a run, and finds kinds of messages that could slip past each other."""

    def __init__(self) -> None:
        self.skews: dict[frozenset[str], Violation] = {}
        self._writers: dict[str, dict[Slot, Footprint]] = defaultdict(dict)
        """By worker, who wrote at a slot last."""
        self._compared: Counter[tuple[str, str]] = Counter()
        self._erased_by: ErasedBy = defaultdict(set)

    def noting(self, decide: Decide) -> Decide:
        """`decide`, with what is read and written looked at."""

        def noted(handler: Handler, message: Message, context: Context[Any], view: View) -> Decision:
            def decided(context: Context[Any], earlier: Mapping[Slot, Document | None]) -> tuple[Footprint, Decision]:
                looking = Looking(view, earlier)
                decision = decide(handler, message, context, looking)
                return Footprint(context.id, message, looking, decision, self._erased_by), decision

            own, decision = decided(context, {})
            for each in decision.erased:
                if each.field != "id":
                    self._erased_by[each.document].add(each.field)
            worker = handler.function.__module__.split(".")[1]
            writers = self._writers[worker]
            for other in self._met(own, writers, worker):
                self._compared[own.kind, other.kind] += 1
                again = copy(context)
                again._ids = 0
                with suppress(Refused, NotLoaded):
                    self._compare(decided(again, other.before)[0], other)
            writers.update(dict.fromkeys(own.before, own))
            return decision

        return noted

    def _met(self, own: Footprint, writers: Mapping[Slot, Footprint], worker: str) -> list[Footprint]:
        """Others that have written what this one has looked at, and that it doesn't follow from."""
        met = dict.fromkeys(writers[slot] for slot in own.seen if slot in writers)
        return [
            other
            for other in met
            if other.key != own.key
            and self._compared[own.kind, other.kind] < ENOUGH
            and not own.id.startswith(f"{other.id}/{worker}-")
        ]

    def _compare(self, one: Footprint, other: Footprint) -> None:
        kinds = frozenset({one.kind, other.kind})
        if kinds not in self.skews and _is_harmful(one, other):
            self.skews[kinds] = Violation("write_skew", _told(one, other))


def _is_harmful(one: Footprint, other: Footprint) -> bool:
    if one.written & other.written:
        return False
    return bool(_harm(one, other) and _harm(other, one))


def _harm(reader: Footprint, writer: Footprint) -> set[str]:
    """Kinds of documents that the writer changes and that the reader depends on."""
    names = {document.__name__ for document, _ in reader.read & writer.written}
    return {
        name
        for name in names
        if (reader.kind, name) not in HARMLESS and (reader.kind, name, writer.kind) not in HARMLESS
    }


def _search(document: type[Document], field: str, value: str) -> Slot:
    return document, f"{field}={value}"


def _told(one: Footprint, other: Footprint) -> str:
    return " and ".join(
        f"{reader.kind} reads the {', '.join(sorted(_harm(reader, writer)))} that {writer.kind} writes"
        for reader, writer in sorted(((one, other), (other, one)), key=lambda pair: pair[0].kind)
    )
