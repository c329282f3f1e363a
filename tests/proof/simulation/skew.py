"""Write skew: what snapshot transactions let happen, looked for in what messages read and write, not in what happened.

Two messages of different keys may be decided by two processes at once. Where each reads a document that the other
writes, and none is written by both, MongoDB stops neither, and each has decided by what was over already (Berenson et
al., A Critique of ANSI SQL Isolation Levels, 1995: A5B). That it happens takes an unlucky moment; that it could is seen
whenever both come in one run, at any distance: what reads something that another message has written is decided once
more as if that one were under way still.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Final, NamedTuple, cast

from contracts.messages import Message
from runtime.context import Context
from runtime.decisions import Decision, Handler, NotLoaded, Refused
from runtime.documents import Document, Slot, View
from tests.proof.case import Violation

HARMLESS: Final[Mapping[tuple[str, str], str]] = {
    ("BeginVerification", "CodeSends"): "how many codes were sent: where it changes somebody else, it sends none",
    ("ChangeEmail", "Member"): "which addresses those had who were absorbed: they change no more",
    ("DeleteCard", "Card"): "which others are left: whoever takes one out of use writes the member's list, too",
    ("EraseTexts", "Message"): "texts to who was removed: longer ago than any batch takes",
    ("IssueVirtualCard", "Card"): "whether a number is taken: it stays taken",
    ("JoinAccount", "Account"): "which it is: where its cards or holdings matter, it is written",
    ("JoinAccount", "Card"): "whether cards that lead to one account are held alike: one that isn't is written",
    ("MemberRemoved", "Contact"): "one not known yet: what makes it known meets the merge, or can't be opened",
    ("MemberRemoved", "Message"): "texts to who goes: they are erased once more later",
    ("ReckonTier", "Card"): "whose it is, to say so: of somebody who is gone nobody is told",
    ("SetPassword", "Member"): "where the link was sent: an old address would do as well a moment before",
    ("UndoTierAssignment", "Coupon"): "one that it leaves it leaves to whoever has it",
}
"""What a kind of message reads of a kind of document, and why nothing follows when that changes in the same moment."""
ENOUGH: Final = 10
"""How often in a run two kinds of messages are compared."""
Decide = Callable[[Handler, Message, Context[Any], View], Decision]


class Footprint(NamedTuple):
    """What deciding one message read and wrote."""

    id: str
    kind: str
    key: str | None
    read: frozenset[Slot]
    written: frozenset[Slot]
    before: Mapping[Slot, Document | None]
    """What stood at the slots that it wrote."""


class Looking:
    """A view that notes what is looked at; with what stood in some places earlier."""

    def __init__(self, view: View, earlier: Mapping[Slot, Document | None]) -> None:
        self._view = view
        self._earlier = earlier
        self.seen: set[Slot] = set()

    def knows(self, slot: Slot) -> bool:
        """Whether the slot was asked for."""
        return slot in self._earlier or self._view.knows(slot)

    def at(self, slot: Slot) -> Document | None:
        """What the view holds there."""
        self.seen.add(slot)
        return self._earlier[slot] if slot in self._earlier else self._view.at(slot)


class Footprints:
    """Follows the decisions of a run, and finds kinds of messages that could slip past each other."""

    def __init__(self) -> None:
        self.skews: dict[frozenset[str], Violation] = {}
        self._writers: dict[tuple[str, Slot], Footprint] = {}
        """By worker, who wrote at a slot last."""
        self._compared: Counter[tuple[str, str]] = Counter()
        self._erased_by: dict[type[Document], set[str]] = defaultdict(set)

    def noting(self, decide: Decide) -> Decide:
        """`decide`, with what is read and written looked at."""

        def noted(handler: Handler, message: Message, context: Context[Any], view: View) -> Decision:
            def decided(context: Context[Any], earlier: Mapping[Slot, Document | None]) -> tuple[Footprint, Decision]:
                looking = Looking(view, earlier)
                decision = decide(handler, message, context, cast(View, looking))
                return self._footprint(context.id, message, decision, looking), decision

            fresh = copy(context)
            own, decision = decided(context, {})
            worker = handler.function.__module__.split(".")[1]
            for other in self._met(worker, own):
                self._compared[own.kind, other.kind] += 1
                try:
                    self._compare(decided(copy(fresh), other.before)[0], other)
                except (Refused, NotLoaded):
                    continue
            self._writers.update(dict.fromkeys(((worker, slot) for slot in own.written), own))
            return decision

        return noted

    def _footprint(self, name: str, message: Message, decision: Decision, looking: Looking) -> Footprint:
        """What was read and written; whoever erases all that have some value reads which there are."""
        for each in decision.erased:
            self._erased_by[each.document].add(each.field)
        searched = {_search(each.document, each.field, each.value) for each in decision.erased if each.field != "id"}
        written = {*decision.documents, *((each.document, each.value) for each in decision.erased)}
        read = looking.seen | searched
        before = {slot: looking.at(slot) if looking.knows(slot) else None for slot in written}
        for document in decision.documents.values():
            fields = self._erased_by.get(type(document), ())
            written |= {_search(type(document), field, getattr(document, field)) for field in fields}
        kind, key = type(message).__name__, message.key_value
        return Footprint(name, kind, key, frozenset(read - written), frozenset(written), before)

    def _met(self, worker: str, own: Footprint) -> list[Footprint]:
        """Others that have written what this one has read or written, and that it doesn't follow from."""
        found: dict[str, Footprint] = {}
        for slot in own.read | own.written:
            other = self._writers.get((worker, slot))
            if other is None or other.key == own.key or own.id.startswith(f"{other.id}/{worker}-"):
                continue
            if self._compared[own.kind, other.kind] < ENOUGH:
                found[other.id] = other
        return list(found.values())

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
    return {name for name in names if (reader.kind, name) not in HARMLESS}


def _search(document: type[Document], field: str, value: str) -> Slot:
    return document, f"{field}={value}"


def _told(one: Footprint, other: Footprint) -> str:
    return " and ".join(
        f"{reader.kind} reads the {', '.join(sorted(_harm(reader, writer)))} that {writer.kind} writes"
        for reader, writer in sorted(((one, other), (other, one)), key=lambda pair: pair[0].kind)
    )
