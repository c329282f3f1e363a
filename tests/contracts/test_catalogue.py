"""The catalogue: every message class under its name, bases left out."""

from contracts.cards import BlockCard, CardBlocked
from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import WORKERS


class TestCatalogue:
    def test_knows_commands_and_events_by_name(self) -> None:
        assert COMMANDS["BlockCard"] is BlockCard
        assert EVENTS["CardBlocked"] is CardBlocked

    def test_leaves_out_what_only_lends_its_fields(self) -> None:
        assert not {"CardCommand", "CardEvent", "Command", "Event"} & (COMMANDS.keys() | EVENTS.keys())

    def test_has_every_name_once(self) -> None:
        assert not COMMANDS.keys() & EVENTS.keys()

    def test_knows_whose_each_message_is(self) -> None:
        assert {message.worker for message in (*COMMANDS.values(), *EVENTS.values())} <= set(WORKERS)
