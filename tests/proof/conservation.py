"""Conservation: what was given once is kept, used and taken back once: coupons, limited prizes, changes by hand."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tests.proof.case import Case, Found, Raw, Violation

USES: Final = {"CouponUsed": 1, "CouponReused": 1, "CouponReturned": -1, "CouponUnused": -1}
"""Events that a coupon was used, and that it wasn't after all."""
GIFTS: Final = {"coupon_used": 1, "coupon_used_again": 1, "coupon_returned": -1}
"""Causes of entries that book what a coupon gives, and take it back."""
OVER: Final = ("cancelled", "refunded")
"""States of a purchase that gives back what was used in it."""
OF_ADJUSTMENTS: Final = (
    *("AdjustmentSubmitted", "AdjustmentDeclined", "AdjustmentLapsed"),
    *("BalanceAdjusted", "AdjustmentUndone"),
)
"""Every change of an adjustment is told of by one of these."""
BOOKED: Final = {"applied": ["adjustment"], "undone": ["adjustment", "adjustment_undone"]}
"""By an adjustment's state, the causes of its entries; in all others it moved nothing."""


class Told(msgspec.Struct):
    """What of an event says what it is about."""

    coupon_code: str | None = None
    adjustment_id: str | None = None
    game: str | None = None
    prize: str | None = None


TOLD: Final = msgspec.json.Decoder(Told)


def coupons_are_used_once(case: Case) -> Found:
    """A coupon is used at most once more than it comes back; its sale lists it; its gift is booked as often."""
    moves: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for kind, move in USES.items():
        for record in case.events.get(kind, ()):
            name = TOLD.decode(record.value or b"{}").coupon_code or ""
            moves[name].append((int(record.attributes.get("ce_sequence", 0)), move))
    booked = Counter[str]()
    for entry in case.documents("rewards", "ledger_entries").values():
        booked[entry.get("source") or ""] += GIFTS.get(entry["cause"], 0)
    coupons, sales = case.documents("rewards", "coupons"), case.documents("rewards", "sale_coupons")
    for name in moves.keys() | coupons.keys():
        coupon = coupons.get(name, {})
        is_used = coupon.get("state") == "used"
        for text in _misused(sorted(moves[name]), is_used):
            yield Violation("coupon", f"{name}: {text}")
        if is_used and name not in sales.get(coupon["purchase_id"], {}).get("coupon_codes", ()):
            yield Violation("coupon", f"{name} is used in {coupon['purchase_id']}, which doesn't list it")
        gifts = int(is_used and coupon.get("given") is not None)
        if booked[name] != gifts:
            yield Violation("coupon", f"{name} gives {gifts} times, and {booked[name]} times it is booked")


def _misused(moves: list[tuple[int, int]], is_used: bool) -> Iterator[str]:
    uses = 0
    for version, move in moves:
        uses += move
        if uses not in (0, 1):
            yield f"at version {version} it was used {uses} times more than it came back"
    if uses != is_used:
        yield f"it was used {uses} times more than it came back, and is {'' if is_used else 'not '}used"


def nothing_stays_used_in_a_sale_that_is_over(case: Case) -> Found:
    """What was used in a sale that was cancelled or refunded came back, unless it is one that doesn't."""
    purchases = case.documents("rewards", "purchases")
    over = {name for name, each in purchases.items() if each["state"] in OVER}
    for collection in ("coupons", "rewards"):
        for name, each in case.documents("rewards", collection).items():
            if each["state"] == "used" and each.get("returns", True) and each.get("purchase_id") in over:
                yield Violation("sale_over", f"{name} of {collection} is used in {each['purchase_id']}")


def limited_prizes_are_counted(case: Case) -> Found:
    """So many of a limited prize are gone as were won."""
    won = Counter[tuple[str | None, str | None]]()
    for record in case.events.get("GamePlayed", ()):
        told = TOLD.decode(record.value or b"{}")
        won[told.game, told.prize] += 1
    for game, stock in case.documents("rewards", "game_stocks").items():
        for each in stock["won"]:
            if each["count"] != won[game, each["prize"]]:
                text = f"{each['count']} of {each['prize']} in {game} are gone, {won[game, each['prize']]} were won"
                yield Violation("stock", text)


def adjustments_move_once(case: Case) -> Found:
    """An adjustment moved its amount once if it was applied, and back once if it was undone; each change is told."""
    entries: dict[str, list[Raw]] = defaultdict(list)
    for entry in case.documents("rewards", "ledger_entries").values():
        if entry.get("adjustment_id") is not None:
            entries[entry["adjustment_id"]].append(entry)
    told = Counter[str | None]()
    for kind in OF_ADJUSTMENTS:
        told.update(TOLD.decode(record.value or b"{}").adjustment_id for record in case.events.get(kind, ()))
    for name, adjustment in case.documents("rewards", "adjustments").items():
        own = sorted(entries.pop(name, ()), key=lambda entry: str(entry["cause"]))
        if [entry["cause"] for entry in own] != BOOKED.get(adjustment["state"], []):
            causes = [entry["cause"] for entry in own]
            yield Violation("adjustment", f"{name} is {adjustment['state']}, its entries say {causes}")
        elif own and own[0]["amount"] - own[0].get("forgone", 0) != adjustment["amount"]:
            yield Violation("adjustment", f"{name} is over {adjustment['amount']}, its entry over {own[0]['amount']}")
        if adjustment["version"] != told[name]:
            yield Violation("adjustment", f"{name} changed {adjustment['version']} times, {told[name]} are told of")
    for name in entries:
        yield Violation("adjustment", f"entries of {name}, which isn't there")


CONSERVATION: Final[list[Callable[[Case], Found]]] = [
    coupons_are_used_once,
    nothing_stays_used_in_a_sale_that_is_over,
    limited_prizes_are_counted,
    adjustments_move_once,
]
