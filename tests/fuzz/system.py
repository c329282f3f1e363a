"""The system under fire: all workers and doors as real processes, none of which is started again."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from contracts.messages import WORKERS, ActorKind
from runtime.local import LocalError, free_port
from runtime.local.child import Child, last_words
from runtime.local.supervisor import http_is_ready
from runtime.settings import Settings
from services.gateway.keys import create_key

READY_SECONDS: Final = 120.0
GATEWAY: Final = "gateway"
STANDIN: Final = "sms-standin"


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings."""
    found: dict[str, str] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            found[f"PUNCHCARD_{name.upper()}"] = text
    return found


@dataclass
class System:
    """All processes, and where they answer."""

    settings: Settings
    children: dict[str, Child] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Where a process answers HTTP: a door its requests, a worker only whether it is well."""
        return f"http://{self.settings.host}:{self.ports[name]}"

    @property
    def crashes(self) -> dict[str, str]:
        """Who ended though nobody asked, and how."""
        return {
            name: f"exit {code}: {last_words(child.log)[:300]}"
            for name, child in self.children.items()
            if (code := child.ended()) is not None
        }

    def is_ready(self, name: str) -> bool:
        """Whether one says so itself."""
        return http_is_ready(self.settings.host, self.ports[name])

    def not_ready(self) -> list[str]:
        """Who isn't."""
        return [name for name in self.children if not self.is_ready(name)]

    def until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for everybody.

        Raises:
            LocalError: one ended, or takes too long.
        """
        end = time.monotonic() + seconds
        while late := self.not_ready():
            if self.crashes:
                raise LocalError(f"{self.crashes}")
            if time.monotonic() > end:
                raise LocalError(f"not ready within {seconds:.0f} s: {', '.join(late)}")
            time.sleep(0.1)

    def stop(self) -> list[str]:
        """End everybody in good order; says who had to be killed."""
        for child in self.children.values():
            child.ask_to_stop()
        return [name for name, child in self.children.items() if not child.wait_stopped(30)]


@contextmanager
def running_system(
    settings: Settings, logs: Path, *, more: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[System]:
    """The five workers, the gateway and the stand-in, ready, and keys of every kind; `more` is for single processes.

    Raises:
        LocalError: one can't start.
    """
    system = System(settings)
    for kind in ActorKind:
        system.keys[kind.value] = create_key(settings.keys_file, f"fuzz-{kind.value}", kind)
    system.keys["no-scopes"] = create_key(settings.keys_file, "fuzz-none", ActorKind.OPERATOR, [])
    roles = {name: ("worker", name) for name in WORKERS} | {GATEWAY: (GATEWAY,), STANDIN: (STANDIN,)}
    with ExitStack() as stack:
        stack.callback(system.stop)
        for name, arguments in roles.items():
            port = free_port(settings.host)
            own = settings.model_copy(update={"health_port": port, "gateway_port": port, "sms_port": port})
            command = [sys.executable, "-m", "services.cli", *arguments]
            child = Child(name, command, logs / f"{name}.log", environment_of(own) | dict((more or {}).get(name, {})))
            system.children[name], system.ports[name] = child, port
            child.start()
        system.until_ready()
        yield system
