"""Who sends a command file: whose API key the environment holds. What an operator may do alone binds them here, too."""

from contracts.messages import Actor, ActorKind
from runtime.settings import Settings
from services.cli.session import SessionError
from services.gateway.keys import Caller, Keys, KeysError
from services.gateway.problems import Problem
from services.gateway.scopes import BULK_ADJUSTMENTS

WHO = "say who you are: PUNCHCARD_API_KEY=pk_<id>_<secret>; demo keys stand in .punchcard/demo-keys.yaml"


def bulk_adjuster(settings: Settings) -> Actor:
    """Who adjusts balances by a file: an operator, or a system, whose key has the right to do many at once.

    Raises:
        SessionError: there is no key, it isn't known, or it hasn't that right.
    """
    caller = _caller(settings)
    if caller.actor.kind not in (ActorKind.OPERATOR, ActorKind.SYSTEM):
        raise SessionError(f"the key {caller.actor.id} is that of a {caller.actor.kind.value}: files are operators'")
    for scope in ("AdjustBalance", BULK_ADJUSTMENTS):
        if scope not in caller.scopes:
            raise SessionError(f"the key {caller.actor.id} lacks the scope {scope}")
    return caller.actor


def _caller(settings: Settings) -> Caller:
    if settings.api_key is None:
        raise SessionError(WHO)
    try:
        return Keys(settings.keys_file).caller(b"Bearer " + settings.api_key.get_secret_value().encode())
    except KeysError as error:
        raise SessionError(str(error)) from error
    except Problem as error:
        raise SessionError(f"PUNCHCARD_API_KEY is no key of {settings.keys_file}") from error
