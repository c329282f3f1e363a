"""Every command and every event there is, by name: found by walking the contract modules."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final, TypeVar

import contracts
from contracts.messages import Command, Event, Message

M = TypeVar("M", bound=Message)

_ELSEWHERE: Final = {"catalogue", "messages", "programme"}


def _contract_modules() -> Iterator[ModuleType]:
    for module in iter_modules(contracts.__path__):
        if module.name not in _ELSEWHERE:
            yield import_module(f"contracts.{module.name}")


_MODULES: Final = tuple(_contract_modules())


def _is_base(message: type[Message]) -> bool:
    """Whether a class only lends its fields to others, as `CardEvent` does."""
    return any(lender.__module__.startswith("contracts.") for lender in message.__subclasses__())


def _named(kind: type[M]) -> Mapping[str, type[M]]:
    named: dict[str, type[M]] = {}
    for module in _MODULES:
        for found in vars(module).values():
            if not (isinstance(found, type) and issubclass(found, kind) and found.__module__ == module.__name__):
                continue
            if _is_base(found):
                continue
            if found.__name__ in named:
                raise TypeError(f"{found.__name__} is in {module.__name__} and in {named[found.__name__].__module__}")
            named[found.__name__] = found
    return dict(sorted(named.items()))


COMMANDS: Final[Mapping[str, type[Command]]] = _named(Command)
"""What workers can be asked, by name."""

EVENTS: Final[Mapping[str, type[Event]]] = _named(Event)
"""What workers say, by name."""
