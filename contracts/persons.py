"""What is said about a person: such an event names whose key opens what is personal in it."""

from typing import Any, ClassVar

from contracts.messages import Event


class PersonalEvent(Event):
    """An event with something personal in it: in a topic that is shut with the key of the person whom it is about."""

    person: ClassVar[str]
    """The field that says whose key that is: a member's id, a registration's, an account's."""

    begins: ClassVar[bool] = False
    """Whether nobody spoke of the person before it, if it tells of their first version: it needn't look for a key."""

    def __init_subclass__(cls, *, person: str | None = None, begins: bool | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if person is not None:
            cls.person = person
        if begins is not None:
            cls.begins = begins

    @property
    def whose(self) -> str:
        """Under which id the person's key lies, with the worker that says the event."""
        return str(getattr(self, self.person))
