"""Documents and what a batch sees of them: not there is not the same as never asked for."""

from typing import ClassVar

import pytest

from runtime.documents import Document, Erase, Slot, View, at_version


class Cup(Document):
    """A cup, and who holds it."""

    collection: ClassVar[str] = "cups"

    holder: str | None = None
    sips: int = 0


class Saucer(Document):
    """A saucer."""

    collection: ClassVar[str] = "saucers"

    holder: str | None = None


class Tray(Document):
    """A tray of cups."""

    collection: ClassVar[str] = "trays"

    cup_ids: tuple[str, ...] = ()


RED: Slot = (Cup, "red")
BLUE: Slot = (Cup, "blue")


def cup(name: str = "red", *, version: int = 1, holder: str | None = "ana", sips: int = 0) -> Cup:
    return Cup(id=name, version=version, holder=holder, sips=sips)


def view(*documents: Document, missing: tuple[Slot, ...] = ()) -> View:
    """A view that loaded these documents, and found others missing."""
    loaded = View()
    for document in documents:
        loaded.loaded((type(document), document.id), document)
    for slot in missing:
        loaded.loaded(slot, None)
    return loaded


class TestDocument:
    def test_evolves_into_another_one(self) -> None:
        before = cup()
        after = before.evolve(sips=3)

        assert (before.sips, after.sips, after.holder) == (0, 3, "ana")

    def test_can_not_be_changed_in_place(self) -> None:
        with pytest.raises(AttributeError):
            cup().sips = 4  # type: ignore[misc]  # that it is refused is what is tested

    def test_evolves_only_in_fields_that_it_has(self) -> None:
        with pytest.raises(TypeError, match="`Cup` has no field 'size'"):
            cup().evolve(size=1)


class TestAtVersion:
    def test_stamps_a_new_document_in_place(self) -> None:
        made = cup(version=0)
        assert at_version(made, 5, shared=False) is made
        assert made.version == 5

    def test_leaves_a_shared_one_as_it_is(self) -> None:
        loaded = cup(version=4)
        assert at_version(loaded, 5, shared=True).version == 5
        assert loaded.version == 4


class TestView:
    def test_tells_missing_from_never_asked_for(self) -> None:
        seen = view(missing=(RED,))

        assert seen.knows(RED)
        assert seen.at(RED) is None
        assert not seen.knows(BLUE)
        with pytest.raises(KeyError):
            seen.at(BLUE)

    def test_shows_the_next_message_what_the_last_one_did(self) -> None:
        seen = view(cup())
        seen.take({RED: cup(version=2, sips=1)}, [])

        assert seen.at(RED) == cup(version=2, sips=1)

    def test_tells_what_it_has_erased_also_where_nothing_was_or_is_again(self) -> None:
        seen = view(cup(), missing=(BLUE,))
        assert not seen.has_erased(RED)
        seen.take({RED: cup(version=1)}, [Erase(Cup, "red")])
        seen.take({}, [Erase(Cup, "blue")])

        assert seen.has_erased(RED)
        assert seen.has_erased(BLUE)

    def test_knows_what_was_written_without_being_loaded(self) -> None:
        seen = View()
        seen.take({BLUE: cup("blue")}, [])

        assert seen.at(BLUE) == cup("blue")


class TestWritten:
    def test_is_nothing_when_nothing_changed(self) -> None:
        assert list(view(cup(), missing=(BLUE,)).written()) == []

    def test_is_a_change_from_what_was_loaded_to_the_last_version(self) -> None:
        seen = view(cup())
        seen.take({RED: cup(version=2)}, [])
        seen.take({RED: cup(version=3)}, [])

        assert list(seen.written()) == [("change", cup(version=1), cup(version=3))]

    def test_is_an_insert_where_nothing_was(self) -> None:
        seen = view(missing=(RED,))
        seen.take({RED: cup()}, [])
        seen.take({RED: cup(version=2), BLUE: cup("blue")}, [])

        assert list(seen.written()) == [("insert", None, cup(version=2)), ("insert", None, cup("blue"))]

    def test_is_an_insert_after_an_erasure_in_the_same_batch(self) -> None:
        seen = view(cup(version=7))
        seen.take({}, [Erase(Cup, "red")])
        seen.take({RED: cup(version=1)}, [])

        assert list(seen.written()) == [("insert", None, cup(version=1))]
        assert seen.erased == (Erase(Cup, "red"),)

    def test_leaves_out_what_was_made_and_erased(self) -> None:
        seen = View()
        seen.take({BLUE: cup("blue")}, [])
        seen.take({}, [Erase(Cup, "blue")])

        assert list(seen.written()) == []


class TestErase:
    def test_takes_one_document_by_its_id(self) -> None:
        seen = view(cup("red"), cup("blue"))
        seen.take({}, [Erase(Cup, "red")])

        assert seen.at(RED) is None
        assert seen.at(BLUE) == cup("blue")

    def test_takes_all_of_an_index_that_the_batch_has_seen(self) -> None:
        seen = view(cup("red", holder="ana"), cup("blue", holder="bo"))
        seen.take({(Cup, "green"): cup("green", holder="ana")}, [])
        seen.take({}, [Erase(Cup, "ana", field="holder")])

        assert [seen.at((Cup, name)) for name in ("red", "green", "blue")] == [None, None, cup("blue", holder="bo")]

    def test_spares_other_classes(self) -> None:
        seen = view(cup(holder="ana"), Saucer(id="red", holder="ana"))
        seen.take({}, [Erase(Cup, "ana", field="holder"), Erase(Cup, "red")])

        assert seen.at((Saucer, "red")) == Saucer(id="red", holder="ana")

    def test_makes_known_that_nothing_is_there(self) -> None:
        seen = View()
        seen.take({}, [Erase(Cup, "red")])

        assert seen.knows(RED)
        assert seen.at(RED) is None

    def test_makes_known_that_what_comes_from_the_database_later_is_gone(self) -> None:
        seen = View()
        seen.take({}, [Erase(Cup, "ana", field="holder")])
        seen.loaded(RED, cup("red", holder="ana"))
        seen.loaded(BLUE, cup("blue", holder="bo"))

        assert seen.at(RED) is None
        assert seen.at(BLUE) == cup("blue", holder="bo")

    def test_is_written_after_an_erasure_by_index_as_an_insert(self) -> None:
        seen = view(cup("red", holder="ana"))
        seen.take({}, [Erase(Cup, "ana", field="holder")])
        seen.take({RED: cup("red", holder="bo")}, [])

        assert list(seen.written()) == [("insert", None, cup("red", holder="bo"))]

    def test_spares_what_had_moved_on_within_the_batch(self) -> None:
        seen = view(cup("red", version=1, holder="ana"))
        seen.take({RED: cup("red", version=2, holder="bo")}, [])
        seen.take({}, [Erase(Cup, "ana", field="holder")])

        assert seen.at(RED) == cup("red", version=2, holder="bo")
        # The database still holds it as Ana's, so the deletion takes it: it is written whole again.
        assert list(seen.written()) == [("insert", None, cup("red", version=2, holder="bo"))]

    def test_takes_what_had_come_under_it_within_the_batch(self) -> None:
        seen = view(cup("red", version=1, holder="bo"))
        seen.take({RED: cup("red", version=2, holder="ana")}, [])
        seen.take({}, [Erase(Cup, "ana", field="holder")])

        assert seen.at(RED) is None
        # The database still holds it as Bo's, so that deletion doesn't find it: it is deleted by its id.
        assert seen.erased == (Erase(Cup, "ana", field="holder"), Erase(Cup, "red"))

    def test_takes_what_names_the_value_among_others(self) -> None:
        seen = view(Tray(id="t", cup_ids=("blue", "red")), Tray(id="u", cup_ids=("blue",)))
        seen.take({}, [Erase(Tray, "red", field="cup_ids")])

        assert [seen.at((Tray, name)) for name in "tu"] == [None, Tray(id="u", cup_ids=("blue",))]
