"""What the commands share: the settings they read and the lines they print."""

from typing import Any

import typer

from runtime.settings import Settings


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process: the environment's, with what the command line says on top.

    Raises:
        pydantic.ValidationError: a setting breaks its rule.
    """
    return Settings(**overrides)


def say(line: str, error: bool = False) -> None:
    """Prints a line at once, so that whoever waits for `ready` on a pipe sees it."""
    typer.echo(line, err=error)
