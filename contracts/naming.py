"""Commands by what they name: a rule that concerns cards then stands before all that name any."""

from contracts.messages import Command
from contracts.values import CardNumber


class NamesCards(Command):
    """A command about a card; other fields called `…card_number` name others that have to do with it."""

    card_number: CardNumber

    @property
    def card_numbers(self) -> tuple[str, ...]:
        """All cards that it names: an operator may ask it of none of their own."""
        named = (getattr(self, name) for name in type(self).model_fields if name.endswith("card_number"))
        return tuple(number for number in named if number is not None)
