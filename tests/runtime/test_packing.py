"""Packed fields: many small things within a document are one value in MongoDB, and in memory what they always were."""

from datetime import UTC, datetime
from typing import ClassVar

import bson
import pytest

from runtime.documents import Document, Part, packed_fields
from runtime.mongo import CODEC, PACKER, Unfit, from_raw, to_raw, update_of

AT = datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)


class Coin(Part):
    """A coin, and when it was put in."""

    worth: int
    at: datetime | None = None


class Pocket(Part):
    """A pocket with coins."""

    packed: ClassVar = ("coins",)

    name: str
    coins: tuple[Coin, ...] = ()


class Coat(Document):
    """A coat with pockets."""

    collection: ClassVar = "coats"

    owner: str
    pockets: tuple[Pocket, ...] = ()


COAT = Coat(
    id="c",
    owner="ana",
    pockets=(Pocket(name="left", coins=(Coin(worth=1), Coin(worth=2, at=AT))), Pocket(name="right")),
)


def kept(document: Document) -> dict[str, object]:
    """A document as it comes back from MongoDB."""
    return dict(bson.decode(bson.encode(to_raw(document), codec_options=CODEC), codec_options=CODEC))


class TestPackedFields:
    def test_are_known_by_their_parts(self) -> None:
        assert packed_fields(Coat) == {"pockets": ("coins",)}

    def test_come_back_as_they_were(self) -> None:
        assert from_raw(Coat, kept(COAT)) == COAT

    def test_are_one_value_beside_what_is_looked_for(self) -> None:
        (left, _) = to_raw(COAT)["pockets"]

        assert left["name"] == "left"
        assert isinstance(left["coins"], bytes)

    def test_change_with_their_part_and_not_without(self) -> None:
        spent = COAT.evolve(pockets=COAT.pockets[1:])
        written = bson.decode(bson.encode(update_of(COAT, spent)["$set"], codec_options=CODEC), codec_options=CODEC)

        assert update_of(COAT, COAT.evolve(owner="ben")) == {"$set": {"owner": "ben"}}
        assert written["pockets"][0]["coins"] == PACKER.encode(())
        assert from_raw(Coat, {**kept(COAT), **written}) == spent

    def test_that_were_written_before_they_were_packed_are_read(self) -> None:
        pockets = [{"name": "left", "coins": [{"worth": 1}, {"worth": 2, "at": AT}]}, {"name": "right"}]

        assert from_raw(Coat, {"_id": "c", "owner": "ana", "pockets": pockets}) == COAT

    @pytest.mark.parametrize(
        "pockets", [None, [7], [{"name": "left", "coins": b"\xc1"}], [{"name": "x", "coins": b"\x07"}]]
    )
    def test_that_are_none_any_more_make_their_document_unfit(self, pockets: object) -> None:
        with pytest.raises(Unfit, match="Coat"):
            from_raw(Coat, {"_id": "c", "owner": "ana", "pockets": pockets})
