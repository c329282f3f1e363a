"""Write skew: what snapshot transactions let happen, looked for in what messages read and write, not in what happened.

Two messages of different keys may be decided by two processes at once. Where each reads a document that the other
writes, and none is written by both, MongoDB stops neither, and each has decided by what was over already (Berenson et
al., A Critique of ANSI SQL Isolation Levels, 1995: A5B). A third can close the circle: it follows from the one, and
misses what the other writes. That it happens takes an unlucky moment; that it could is seen whenever they come in one
run, at any distance: what reads something that another message has written is decided once more as if that one were
under way still. Messages of one key are taken for decided by one process.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from functools import cached_property
from typing import Any, Final

from contracts.messages import Message
from runtime.context import Context
from runtime.decisions import Decision, Handler, NotLoaded, Refused
from runtime.documents import Document, Slot, View

HARMLESS: Final[Mapping[tuple[str, ...], str]] = {
    ("BeginVerification", "CodeSends"): "how many codes were sent: where it changes somebody else, it sends none",
    ("ChangeEmail", "Member"): "which addresses those had who were absorbed: they change no more",
    ("CardMerged", "Member"): "whether its card is among theirs: whoever lists another changes nothing of that",
    ("ConfirmPhoneChange", "CodeSends"): "how many codes went to the old phone: they count for an hour anyway",
    ("DeleteCard", "Card"): "which others are left: whoever takes one out of use writes the member's list, too",
    ("DrawVirtualCard", "Card"): "whether a number is taken: it stays taken",
    ("EraseTexts", "Message"): "texts to who was removed: longer ago than any batch takes",
    ("HoldSpending", "Account"): "which cards lead to it: by which one more comes is held first, or written by both",
    ("IssueVirtualCard", "Card"): "whether a number is taken: it stays taken",
    ("JoinAccount", "Account"): "which it is: where its cards or holdings matter, it is written",
    ("JoinAccount", "Card"): "whether cards that lead to one account are held alike: one that isn't is written",
    ("KeepOneCoupon", "Account"): "what was given to several: whoever joins accounts asks for another",
    ("KeepOneCoupon", "Card"): "nothing: it is only there to be written",
    ("MemberRemoved", "Message"): "texts to who goes: they are erased once more later",
    ("ReckonTier", "Account"): "what counts, and the tier: who changes those asks again, or writes the standing, too",
    ("ReckonTier", "Card"): "whose it is, to say so: of somebody who is gone nobody is told",
    ("SetPassword", "Member"): "where the link was sent: an old address would do as well a moment before",
    ("HoldSpending", "Card", "CardRetired"): "until when it waits: that stays",
    ("KeepOneCoupon", "Coupon", "CancelCoupon"): "which one stays: where that is cancelled now, as if a moment later",
    ("KeepOneCoupon", "Coupon", "ResendCoupon"): "a code in another's place: it asks for another itself",
    ("ReckonTier", "Standing", "CardRetired"): "what colleagues wrote: no tier follows from that",
    ("RefundPurchase", "Account", "UseCoupon"): "of a sale that isn't known yet; ReturnCoupons meets whoever uses one",
    ("RefundPurchase", "Account", "UseReward"): "the same, with ReturnRewards",
    ("RemoveMember", "CodeSends", "BeginVerification"): "a code to who registers with that phone, as somebody else",
    ("RemoveMember", "CodeSends", "ChangePhone"): "the same",
    ("RemoveMember", "CodeSends", "ResendPhoneCode"): "the same",
    ("UndoTierAssignment", "Coupon"): "one that it leaves it leaves to whoever has it",
}
"""What a kind of message reads of a kind of document, and why nothing follows when that changes in the same moment;
with a third name, when that kind of message changes it."""
LOOKED_AT_EVERY: Final = 2
"""Every so many seeds it is looked for: a seed takes a third longer with it, and most of it shows in most seeds."""
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

    def is_empty(self, slot: Slot) -> bool:
        """Whether it was asked for, and nothing stood there."""
        return self.knows(slot) and self.before(slot) is None

    def before(self, slot: Slot) -> Document | None:
        """What stood there, as far as it was asked for."""
        return self._earlier[slot] if slot in self._earlier else self._now.get(slot)

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
        """The Kafka key: a cause's, of what a worker asks itself."""
        self.depends = True
        """Whether it did something else for what it missed, as far as that is known."""
        self.number = 0
        """Its place among all decisions, those that were made again included."""
        self.causes: tuple[Footprint, ...] = ()
        """What it follows from in its worker, next first."""
        self.followers: list[Footprint] = []
        """What followed from it in its worker."""
        self.missed_by: dict[Footprint, Footprint] = {}
        """Who came after it, and what they would have read and written if it had been under way still."""
        self._body_key = self.key
        self.seen = looking.seen
        self._decision = decision
        self._erased_by = erased_by
        erased = ((each.document, each.value) for each in decision.erased if each.field == "id")
        self.before = {slot: looking.before(slot) for slot in (*decision.documents, *erased)}
        """What stood at the slots that it wrote."""
        self._in_vain = {slot for slot in self.before if slot not in decision.documents and looking.is_empty(slot)}
        """What it erased where nothing stood: MongoDB sees no write in that."""

    def follows(self, causes: tuple["Footprint", ...]) -> None:
        """Note what it follows from, next first."""
        self.causes = causes
        for each in causes:
            each.followers.append(self)
        if causes and self.id.count("/") == causes[0].id.count("/") + 1:
            self.key = causes[0]._body_key or self.key

    def stands_for(self, decided: "Footprint") -> None:
        """Be what that message would have done: of the same cause, and depending on what is different."""
        self.causes, self.key = decided.causes, decided.key
        self.depends = self._did() != decided._did()

    def _did(self) -> tuple[object, ...]:
        documents = {slot: each.evolve(version=0) for slot, each in self._decision.documents.items()}
        return documents, self._decision.messages, self._decision.erased

    def is_apart(self, other: "Footprint") -> bool:
        """Whether two processes may decide the two at once."""
        is_elsewhere = self.key is None or self.key != other.key
        return is_elsewhere and not (self._is_of(other) or other._is_of(self))

    def _is_of(self, other: "Footprint") -> bool:
        return any(each.id == other.id for each in self.causes)

    @cached_property
    def written(self) -> set[Slot]:
        """Where it wrote; and of new documents that others erase by a field, with which value."""
        made = [(slot[0], self._decision.documents[slot]) for slot in self.inserted]
        found = {_search(kind, field, getattr(each, field)) for kind, each in made for field in self._erased_by[kind]}
        return found | (self.before.keys() - self._in_vain)

    @cached_property
    def inserted(self) -> set[Slot]:
        """Where it wrote and nothing stood."""
        return {slot for slot in self._decision.documents if self.before[slot] is None}

    @cached_property
    def erased(self) -> set[Slot]:
        """What it erased, whether anything stood there or not: MongoDB sees no write where nothing did."""
        return self.before.keys() - self._decision.documents.keys()

    @cached_property
    def changed(self) -> set[Slot]:
        """Where it wrote something else than stood there: some documents are written only to meet a conflict."""
        made = ((slot, document, self.before[slot]) for slot, document in self._decision.documents.items())
        touched = {
            slot for slot, now, stood in made if stood is not None and now.evolve(version=stood.version) == stood
        }
        return self.written - touched

    @cached_property
    def read(self) -> set[Slot]:
        """Where it looked without writing; whoever erases all that have some value looks which there are."""
        by_field = (each for each in self._decision.erased if each.field != "id")
        searched = {_search(each.document, each.field, each.value) for each in by_field}
        return (self.seen | searched) - self.written

    @property
    def searches(self) -> set[tuple[type[Document], str]]:
        """Of which documents it erases all with some value, and in which field that stands."""
        return {(each.document, each.field) for each in self._decision.erased if each.field != "id"}

    @property
    def before_all(self) -> Mapping[Slot, Document | None]:
        """What stood where it or what followed from it wrote."""
        family = (*reversed(self.followers), self)
        return {slot: stood for each in family for slot, stood in each.before.items() if slot in each.written}


class Footprints:
    """Follows the decisions of a run, and finds kinds of messages that could slip past each other."""

    def __init__(self) -> None:
        self.skews: dict[tuple[str, ...], str] = {}
        self._count = 0
        self._noted: dict[tuple[str, str], Footprint] = {}
        """By worker and the message's id."""
        self._writers: dict[Slot, list[Footprint]] = defaultdict(list)
        """Who wrote at a slot, one after the other."""
        self._compared: Counter[tuple[str, str]] = Counter()
        self._erased_by: ErasedBy = defaultdict(set)

    def noting(self, decide: Decide) -> Decide:
        """`decide`, with what is read and written looked at."""

        def noted(handler: Handler, message: Message, context: Context[Any], view: View) -> Decision:
            def decided(
                context: Context[Any], earlier: Mapping[Slot, Document | None]
            ) -> tuple[Footprint, Decision | Refused]:
                looking, decision = Looking(view, earlier), Decision()
                refusal: Refused | None = None
                try:
                    decision = decide(handler, message, context, looking)
                except Refused as error:
                    refusal = error
                return Footprint(context.id, message, looking, decision, self._erased_by), refusal or decision

            worker = handler.function.__module__.split(".")[1]
            self._forget(worker, context.id)
            own, outcome = decided(context, {})
            own.number = self._count = self._count + 1
            own.follows(self._causes(own, worker))
            for kind, field in own.searches:
                self._erased_by[kind].add(field)
            for other, earlier in self._met(own):
                self._compared[own.kind, other.kind] += 1
                again = copy(context)
                again._ids = 0
                with suppress(NotLoaded):
                    apart, _ = decided(again, earlier)
                    apart.stands_for(own)
                    other.missed_by[own] = apart
                    self._compare(apart, other)
            self._follow_unseen(own)
            self._noted[worker, own.id] = own
            for slot in own.written:
                self._writers[slot].append(own)
            if isinstance(outcome, Refused):
                raise outcome
            return outcome

        return noted

    def _forget(self, worker: str, name: str) -> None:
        """A message is decided again: what it came to before didn't stand."""
        old = self._noted.pop((worker, name), None)
        if old is not None:
            for slot in old.written:
                self._writers[slot].remove(old)
            for each in old.causes:
                each.followers.remove(old)

    def _causes(self, own: Footprint, worker: str) -> tuple[Footprint, ...]:
        parts = own.id.split("/")
        said = (place for place in range(len(parts) - 1, 0, -1) if parts[place].startswith(f"{worker}-"))
        found = (self._noted.get((worker, "/".join(parts[:place]))) for place in said)
        return tuple(each for each in found if each is not None)

    def _met(self, own: Footprint) -> Iterator[tuple[Footprint, Mapping[Slot, Document | None]]]:
        """Others that changed what this one has looked at, each with what stood there without them."""
        places = own.read | own.seen | own.before.keys()
        last = dict.fromkeys(self._writers[slot][-1] for slot in places if self._writers.get(slot))
        for each in dict.fromkeys(each for other in last for each in (other, *other.causes)):
            if each.is_apart(own) and self._compared[own.kind, each.kind] < ENOUGH:
                earlier = self._without(each)
                is_known = not own.seen & each.before_all.keys() - earlier.keys()
                if is_known and places & (earlier.keys() | own.read & each.written):
                    yield each, earlier

    def _without(self, other: Footprint) -> Mapping[Slot, Document | None]:
        """What would stand at slots if a message and what followed from it were under way still.

        Where others wrote later nobody knows.
        """
        family = {other, *other.followers}
        earlier = {}
        for slot, stood in other.before_all.items():
            writers = self._writers[slot]
            theirs = sum(each in family for each in writers)
            if all(each in family for each in writers[-theirs:]):
                earlier[slot] = stood
        return earlier

    def _compare(self, one: Footprint, other: Footprint) -> None:
        """Look for a circle: each missed what the next one wrote, or followed from it.

        Args:
            one: decided as if the other were under way.
            other: as it was decided before.
        """
        if not _misses(one, other):
            return
        if _misses(other, one):
            self._found(one, other)
        if not one.depends:
            return
        for cause in one.causes:
            early = self._early(other, cause)
            if early is not None and early.depends and _misses(early, cause) and _misses(one, early):
                self._found(early, cause, one)
        for follower in other.followers:
            if follower.is_apart(one) and _misses(follower, one):
                self._found(one, other, follower)

    @staticmethod
    def _early(other: Footprint, cause: Footprint) -> Footprint | None:
        """What a message would have done without a cause; None where the cause would have done something else then."""
        if other.number > cause.number:
            return cause.missed_by.get(other)
        late = other.missed_by.get(cause)
        saw = cause.seen & other.changed
        return other if not saw or (late is not None and not late.depends) else None

    def _follow_unseen(self, own: Footprint) -> None:
        """Compare it to those who would have written what it read, had they missed what it follows from."""
        for cause in own.causes:
            for other, early in cause.missed_by.items():
                if not early.depends or own.seen & other.written or not other.is_apart(own):
                    continue
                if _misses(early, cause) and _misses(own, early):
                    self._found(early, cause, own)

    def _found(self, *circle: Footprint) -> None:
        kinds = tuple(each.kind for each in circle)
        name = tuple(sorted(kinds)) if len(kinds) == 2 else kinds
        self.skews.setdefault(name, _told(*circle))


def _misses(reader: Footprint, writer: Footprint) -> bool:
    """Whether something follows if the reader doesn't see what the writer changes in the same moment."""
    shared = reader.written & writer.written
    past = reader.erased & writer.inserted | writer.erased & reader.inserted
    return not shared - past and bool(_harm(reader, writer))


def _harm(reader: Footprint, writer: Footprint) -> set[str]:
    """Kinds of documents that the writer changes and that the reader depends on."""
    names = {document.__name__ for document, _ in _missed(reader, writer)}
    return {
        name
        for name in names
        if (reader.kind, name) not in HARMLESS and (reader.kind, name, writer.kind) not in HARMLESS
    }


def _missed(reader: Footprint, writer: Footprint) -> set[Slot]:
    return reader.read & writer.changed | reader.erased & writer.inserted


def _search(document: type[Document], field: str, value: str) -> Slot:
    return document, f"{field}={value}"


def _told(one: Footprint, other: Footprint, follower: Footprint | None = None) -> str:
    pairs = [(one, other), (other, one)] if follower is None else [(one, other), (follower, one)]
    if follower is None:
        pairs.sort(key=lambda pair: pair[0].kind)
    said = " and ".join(
        f"{reader.kind} reads the {', '.join(sorted(_harm(reader, writer)))} that {writer.kind} writes"
        for reader, writer in pairs
    )
    return said if follower is None else f"{said}, following from {other.kind}"
