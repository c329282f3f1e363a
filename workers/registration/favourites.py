"""How members choose their favourite products: so many, and so often, while the programme offers it."""

from typing import Annotated

from contracts.favourites import ChangeFavourites, FavouritesChanged
from contracts.programme.registration import FavouriteRules
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.documents import Member
from workers.registration.favourite_documents import Favourites
from workers.registration.worker import worker


@worker.handles(ChangeFavourites)
def change_favourites(
    command: ChangeFavourites,
    member: Annotated[Member, Key("member_id")],
    favourites: Annotated[Favourites | None, Key("member.id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, member)
    rules = context.programme.registration.favourites
    today = context.now.astimezone(context.programme.zone).date()
    if rules is None or not rules.is_on(today):
        raise Refused("favourites_not_offered")
    refuse_products(command.products, rules)
    held = favourites or Favourites(id=member.id)
    if set(command.products) == set(held.products):
        raise Refused("favourites_unchanged")
    period = rules.per.first_day(today).isoformat()
    changes = held.changes_in(period)
    if changes >= rules.changes:
        again_on = rules.per.next_day(today).isoformat()
        raise Refused("favourites_changed_too_often", most=rules.changes, again_on=again_on)

    yield held.evolve(products=command.products, changed_at=context.now, period=period, changes=changes + 1)
    yield member.evolve()  # written with what hangs on them, so that their removal meanwhile is a conflict
    yield FavouritesChanged(member_id=member.id, products=command.products)


def refuse_products(products: tuple[str, ...], rules: FavouriteRules) -> None:
    """Refuse what can't be chosen.

    Raises:
        Refused: `too_many_favourites`, `favourite_repeated` or `favourite_unknown`.
    """
    if len(products) > rules.most:
        raise Refused("too_many_favourites", most=rules.most)
    for product in products:
        if products.count(product) > 1:
            raise Refused("favourite_repeated", product=product)
        if rules.products and product not in rules.products:
            raise Refused("favourite_unknown", product=product)
