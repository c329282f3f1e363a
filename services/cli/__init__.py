"""The command line: `punchcard up`, `worker`, `gateway`, `topics`, `dead` and the rest."""

from services.cli.commands import main

__all__ = ["main"]
