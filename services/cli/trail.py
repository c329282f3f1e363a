"""What the commands about the trail do: verify it, hold it against heads that were noted, write it to a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from json import dumps
from pathlib import Path

from runtime.settings import Settings
from runtime.store import Away, Library, Reader
from services.cli.dead import harmless
from services.cli.session import SessionError, say
from workers.audit.views import NO_HEADS, Entry, Heads, InvalidHeads, Verdict, read_heads, verify


def noted(file: Path | None) -> Heads:
    """The heads in a file; none without one.

    Raises:
        SessionError: they can't be read.
    """
    if file is None:
        return NO_HEADS
    try:
        return read_heads(file.read_text())
    except OSError as error:
        raise SessionError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise SessionError(f"{file}: {error if isinstance(error, InvalidHeads) else 'is not UTF-8'}") from error


async def verified(settings: Settings, since: Heads, note: Path | None) -> int:
    """Verify the trail, say where it is broken, and note the heads of one that isn't; 0 if it is whole, 1 if not.

    Raises:
        SessionError: MongoDB is away, or the heads can't be noted.
    """
    async with opened(settings) as reader:
        verdict = await verify(reader, since)
    say_verdict(verdict)
    if note is not None and verdict.is_whole:
        try:
            note.write_text(dumps(verdict.heads, indent=1) + "\n")
        except OSError as error:
            raise SessionError(f"{note}: {error.strerror}") from error
        say(f"noted the heads in {note}")
    return 0 if verdict.is_whole else 1


async def exported(settings: Settings, out: Path) -> int:
    """Write every entry of the trail, as it was verified, and in the end what that came to; 0 if it is whole, 1 if not.

    A line is an entry: its id, its hash, and its content, the very characters that are hashed over the entry before.
    The last line has the chains' heads and where they are broken: what follows a break in its chain isn't written.

    Raises:
        SessionError: MongoDB is away, or the file is there already or can't be written.
    """
    try:
        with out.open("x", encoding="utf-8") as file:

            def write(entry: Entry) -> None:
                file.write(dumps({"id": entry.id, "hash": entry.hash, "content": entry.content}) + "\n")

            async with opened(settings) as reader:
                verdict = await verify(reader, each=write)
            file.write(verdict.model_dump_json() + "\n")
    except FileExistsError as error:
        raise SessionError(f"{out}: is there already") from error
    except OSError as error:
        raise SessionError(f"{out}: {error.strerror}") from error
    say_verdict(verdict)
    return 0 if verdict.is_whole else 1


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Reader]:
    """The trail's database.

    Raises:
        SessionError: MongoDB is away.
    """
    library = Library(settings)
    try:
        yield library.worker("audit")
    except Away as error:
        raise SessionError(f"MongoDB does not answer: {error}") from error
    finally:
        library.close()


def say_verdict(verdict: Verdict) -> None:
    """Say what is broken, line by line, and how much there is."""
    for each in verdict.breaks:
        say(harmless(f"{each.where}: {each.reason}"))
    found = f"broken in {len(verdict.breaks)} places" if verdict.breaks else "whole"
    say(f"{verdict.entries:,} entries in {len(verdict.heads)} chains: {found}")
