"""What the commands share: the settings they read and the lines they print."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer
import uvloop

from contracts.programme import InvalidProgramme, Programme
from runtime.interpreter import tune_interpreter
from runtime.settings import Settings
from runtime.vault import NoSecret, Vault

T = TypeVar("T")


class SessionError(Exception):
    """A command can't begin; the text is for whoever typed it."""


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process: the environment's, with what the command line says on top.

    Raises:
        pydantic.ValidationError: a setting breaks its rule.
    """
    return Settings(**overrides)


def read_programme(settings: Settings) -> Programme:
    """The programme that the settings name.

    Raises:
        SessionError: it isn't there, or breaks rules; names every field and its rule.
    """
    try:
        return Programme.read(settings.programme_file)
    except OSError as error:
        raise SessionError(f"{settings.programme_file} (PUNCHCARD_PROGRAMME_FILE): {error.strerror}") from error
    except InvalidProgramme as error:
        raise SessionError(str(error)) from error


def must_have_secret(settings: Settings) -> None:
    """Let nothing start that could derive codes and seals from nothing.

    Raises:
        SessionError: there is no secret, or it can't be used.
    """
    try:
        if Vault.of(settings).is_open:
            return
    except NoSecret as error:
        raise SessionError(str(error)) from None
    raise SessionError(
        f"there is no secret: set PUNCHCARD_SECRET, or make {settings.secret_file} with `punchcard secret --create`"
    )


def say(line: str, error: bool = False) -> None:
    """Prints a line at once, so that whoever waits for `ready` on a pipe sees it."""
    typer.echo(line, err=error)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop: the wire's many small reads and writes cost a third less there."""
    tune_interpreter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
