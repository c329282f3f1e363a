"""Commands by what they name: a rule that concerns whose it is stands before all that name a card or a member."""

from contracts.messages import Command


class OfSomebody(Command):
    """A command about cards or members: its fields called `…card_number`, `member_id` and `absorbed_id` name them."""

    @property
    def card_numbers(self) -> tuple[str, ...]:
        """All cards that it names: an operator asks it of none of their own."""
        return self._named("card_number")

    @property
    def member_ids(self) -> tuple[str, ...]:
        """All members whom it names: an operator isn't one of them."""
        return self._named("member_id", "absorbed_id")

    def _named(self, *endings: str) -> tuple[str, ...]:
        named = (getattr(self, name) for name in type(self).model_fields if name.endswith(endings))
        return tuple(each for each in named if each is not None)
