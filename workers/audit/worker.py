"""The audit worker itself: one whose handlers all take the head of their message's chain."""

from collections.abc import Callable
from typing import Any, TypeVar

from contracts.messages import Message
from contracts.programme import Programme
from runtime.decisions import Handler, Need, UnfitHandler, Worker
from workers.audit.chains import chain_of
from workers.audit.documents import Chain, Entry

H = TypeVar("H", bound=Callable[..., Any])

HEAD = Need(name="chain", document=Chain, origin=None, read=chain_of, optional=True, many=False, depth=0)
"""The chain follows from the Kafka key of any message, not from a field, so no signature can name it."""


class TrailWorker(Worker[Programme]):
    """Files functions `(message, chain, context)`; one function may serve many message classes."""

    def handles(self, message: type[Message]) -> Callable[[H], H]:
        """File a handler under a message class.

        Raises:
            UnfitHandler: the message has a handler already.
        """

        def file(function: H) -> H:
            if message.__name__ in self.handlers:
                raise UnfitHandler(f"{message.__name__} has a handler already")
            self.handlers[message.__name__] = Handler(message, function, (HEAD,), "context")
            return function

        return file


worker = TrailWorker("audit", documents=(Chain, Entry), pace_seconds=0.5, hears_all=True)
