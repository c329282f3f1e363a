"""How members choose their favourite products: so many, and so often, while the programme offers it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.favourites import ChangeFavourites, FavouritesChanged
from contracts.messages import ActorKind
from contracts.programme.periods import Period
from contracts.programme.registration import FavouriteRules
from contracts.registration import Channel
from tests.decisions import NOON, Told, decide, refused
from tests.workers.registration.people import ANA, OPERATOR, at, member
from workers.registration.documents import Member
from workers.registration.favourite_documents import Favourites
from workers.registration.favourites import change_favourites

RULES = FavouriteRules(most=2, changes=2, per=Period.MONTH)


def choosing(*products: str, held: Favourites | None = None, rules: FavouriteRules | None = RULES, **more: Any) -> Told:
    context = at(Channel.MOBILE_APP, **{"favourites": rules, "favourite_editors": (ActorKind.APP,), **more})
    command = ChangeFavourites(member_id=ANA, products=products)
    return decide(change_favourites, command, member=member(), favourites=held, context=context)


def held(*products: str, changes: int = 1, period: str = "2026-11-01") -> Favourites:
    return Favourites(id=ANA, products=products, changed_at=NOON, period=period, changes=changes)


class TestChangeFavourites:
    def test_takes_these_and_no_others(self) -> None:
        said = choosing("latte", "tea")
        assert said.document(Favourites) == held("latte", "tea")
        assert said.events == [FavouritesChanged(member_id=ANA, products=("latte", "tea"))]

        said = choosing("tea", held=held("latte", "tea"))
        assert said.document(Favourites) == held("tea", changes=2)

    def test_writes_the_member_too_so_that_their_removal_in_that_moment_is_a_conflict(self) -> None:
        assert choosing("latte").document(Member) == member()

    def test_takes_none(self) -> None:
        assert choosing(held=held("latte")).document(Favourites).products == ()

    def test_is_refused_beyond_the_programme_s_number(self) -> None:
        with refused("too_many_favourites", most=2):
            choosing("latte", "tea", "cake")

    def test_is_refused_when_it_was_done_as_often_as_the_programme_allows(self) -> None:
        with refused("favourites_changed_too_often", most=2, again_on="2026-12-01"):
            choosing("tea", held=held("latte", changes=2))

    def test_is_possible_again_in_the_next_period_of_the_programme_s_zone(self) -> None:
        december_in_berlin = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
        said = choosing("tea", held=held("latte", changes=2), now=december_in_berlin)
        assert (said.document(Favourites).period, said.document(Favourites).changes) == ("2026-12-01", 1)

    @pytest.mark.parametrize(
        "rules",
        [
            None,
            FavouriteRules(starts_on=date(2026, 11, 23)),
            FavouriteRules(ends_on=date(2026, 11, 21)),
        ],
    )
    def test_is_refused_while_the_programme_does_not_offer_it(self, rules: FavouriteRules | None) -> None:
        with refused("favourites_not_offered"):
            choosing("latte", rules=rules)

    def test_is_offered_from_the_first_day_to_the_last(self) -> None:
        day = date(2026, 11, 22)
        assert choosing("latte", rules=FavouriteRules(starts_on=day, ends_on=day)).events

    def test_takes_what_the_programme_lets_choose(self) -> None:
        some = FavouriteRules(products=("latte", "tea"))
        assert choosing("latte", rules=some).events
        with refused("favourite_unknown", product="beer"):
            choosing("beer", rules=some)

    def test_takes_nothing_twice_and_nothing_that_is_so_already(self) -> None:
        with refused("favourite_repeated", product="tea"):
            choosing("tea", "tea")
        with refused("favourites_unchanged"):
            choosing("tea", "latte", held=held("latte", "tea"))

    def test_is_for_those_whom_the_programme_names(self) -> None:
        with refused("actor_not_allowed", actor="operator"):
            choosing("tea", actor=OPERATOR)

    def test_counts_by_the_day_too(self) -> None:
        daily = FavouriteRules(changes=1, per=Period.DAY)
        first = choosing("tea", rules=daily).document(Favourites)
        with refused("favourites_changed_too_often", most=1, again_on="2026-11-23"):
            choosing("latte", held=first, rules=daily)
        assert choosing("latte", held=first, rules=daily, now=NOON + timedelta(days=1)).events
