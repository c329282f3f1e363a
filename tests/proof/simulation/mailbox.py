"""What is in the texts that members are sent, as they read it there: the code, the token of a link."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.codes import CodePurpose, CodeRequested
from contracts.messages import read_body
from contracts.notifications import MessageChannel
from contracts.passwords import PURPOSE, PasswordRenewed, RenewalWay
from contracts.persons import PersonalEvent
from runtime.persons import blind, bound, read_open, token_in
from runtime.vault import Vault
from tests.proof.history import Record

TELLING: Final[Mapping[str, type[PersonalEvent]]] = {each.__name__: each for each in (CodeRequested, PasswordRenewed)}


def whose(record: Record) -> str | None:
    """Whose key opens an event that sends something; None for any other."""
    telling = TELLING.get(record.type or "")
    return None if telling is None else read_body(blind(telling), record.value).whose


def received(record: Record, key: bytes, vault: Vault) -> dict[str, Any]:
    """What its receiver knows of such an event besides what stands in it."""
    telling, token = TELLING[record.type or ""], token_in(record.value)
    assert token is not None
    assert record.value is not None
    event = read_open(
        telling, record.value, token, key, bound(read_body(blind(telling), record.value), record.id or "")
    )
    if isinstance(event, CodeRequested) and event.phone is not None:
        # A code that verifies a phone is a registration's, unless it was sent because of what a member asked.
        name = "registration_id" if event.purpose is CodePurpose.VERIFY_PHONE else "member_id"
        return {"code": vault.code(event.purpose.value, event.code_id, event.phone), name: event.subject_id}
    if isinstance(event, PasswordRenewed) and event.way is RenewalWay.LINK:
        address = event.phone if event.channel is MessageChannel.SMS else event.email
        return {"token": vault.token(PURPOSE, event.renewal_id, address or "")}
    return {}
