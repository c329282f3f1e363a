"""The courier: carries queued messages to their provider, outside of all decisions, and reports as commands.

The provider knows a message again by its idempotency key (the message's id), and the report has an id that follows from
message and attempt: `runtime/rounds.py` says why nothing more is needed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, Final, Protocol

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.codes import CodeForm
from contracts.messages import Actor, ActorKind, Command
from contracts.notifications import DeferMessage, MessageChannel, MessageStatus, RecordDelivery
from contracts.values import Reference
from runtime.breaker import Breaker
from runtime.provider import REQUEST_SECONDS, HttpProvider, ProviderAway, ProviderRefused
from runtime.rounds import FAILED, Finds, Publish, Rounds, TakeLeases
from runtime.serve import Beside
from runtime.smtp import SmtpProvider, SmtpServer
from runtime.vault import NO_VAULT, Vault
from workers.notifications.documents import OPEN, Message

COURIER: Final = Actor(kind=ActorKind.WORKER, id="notifications-courier")
STATUSES: Final = [status.value for status in OPEN]

__all__ = [
    "COURIER",
    "Courier",
    "EmailProvider",
    "ProviderAway",
    "ProviderRefused",
    "SmsProvider",
    "attempt_name",
    "report_id",
    "run",
]


class Provider(Protocol):
    """Takes messages towards members."""

    breaker: Breaker

    async def send(self, message: Message) -> str | None:
        """Hand a message over and return the provider's reference for it.

        Raises:
            ProviderAway: it could not be handed over now.
            ProviderRefused: it never will be.
        """


class Accepted(BaseModel):
    """What an SMS provider answers when it takes a message."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reference: Reference


class SmsProvider(HttpProvider):
    """An SMS provider over HTTP."""

    async def send(self, message: Message) -> str | None:
        """Hand a message over and return the provider's reference for it.

        Raises:
            ProviderAway: it could not be handed over now.
            ProviderRefused: it never will be.
        """
        body = {"to": message.recipient, "text": message.text, "from": message.sender}
        headers = {"Idempotency-Key": message.id}
        response = await self.asked(lambda: self.client.post("/messages", json=body, headers=headers))
        try:
            return Accepted.model_validate_json(response.content).reference
        except ValidationError:
            return None  # taken all the same, only without a reference that we can read


class EmailProvider(SmtpProvider):
    """An SMTP server that takes emails."""

    async def send(self, message: Message) -> str | None:
        """Hand a message over as an email; its id makes the email's own, so that a second copy is known as one.

        Raises:
            ProviderAway: it could not be handed over now.
            ProviderRefused: it never will be.
        """
        address = parseaddr(message.sender)[1]
        if parseaddr(message.recipient)[1] != message.recipient:
            raise ProviderRefused("email_unwritable")  # somebody else's, or several, once a server has read it
        try:
            mail = written(message, address.rpartition("@")[2])
        except ValueError as error:
            raise ProviderRefused("email_unwritable") from error
        await self.hand_over(mail, address, message.recipient)
        return None


def written(message: Message, domain: str) -> EmailMessage:
    """A message as an email.

    Raises:
        ValueError: something of it would end a header and begin another.
    """
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = message.sender, message.recipient, message.subject
    mail["Date"], mail["Message-ID"] = message.queued_at, f"<{message.id}@{domain}>"
    mail.set_content(message.text)
    mail["Auto-Submitted"], mail["Content-Language"] = "auto-generated", message.language
    return mail


class NoProvider:
    """Stands where a channel has no provider: what is to go through it fails, and says why."""

    def __init__(self, code: str) -> None:
        self.breaker = Breaker()
        self._code = code

    async def send(self, message: Message) -> str | None:  # noqa: ARG002 - as every provider takes it
        """Refuse a message.

        Raises:
            ProviderRefused: always.
        """
        raise ProviderRefused(self._code)


class Courier(Rounds[Message]):
    """Finds messages that are due, carries each to its channel's provider, and reports how it went."""

    document = Message
    actor = COURIER

    def __init__(
        self,
        reader: Finds,
        publish: Publish,
        take_leases: TakeLeases,
        providers: Mapping[MessageChannel, Provider],
        vault: Vault = NO_VAULT,
    ) -> None:
        super().__init__(reader, publish, take_leases)
        self._vault = vault
        self._providers = providers

    def wanted(self, now: float) -> Mapping[str, Any] | None:
        """Messages that may be tried, towards providers that don't rest."""
        channels = [channel.value for channel, each in self._providers.items() if not each.breaker.is_resting(now)]
        return {"status": {"$in": STATUSES}, "channel": {"$in": channels}} if channels else None

    def attempt_of(self, errand: Message) -> str:
        """Names the next attempt to send a message."""
        return attempt_name(errand)

    def correlation_of(self, errand: Message) -> str:
        """The command at the root of a message."""
        return errand.correlation_id

    def breaker_of(self, errand: Message) -> Breaker:
        """The breaker of a message's provider."""
        return self._providers[errand.channel].breaker

    def too_late(self, errand: Message) -> Command | None:
        """Says of a message that it isn't worth sending any more."""
        if errand.expires_at > datetime.now(UTC):
            return None
        return RecordDelivery(message_id=errand.id, status=MessageStatus.EXPIRED)

    async def done(self, errand: Message) -> Command:
        """Hand a message over, and say how it went."""
        try:
            reference = await self._providers[errand.channel].send(self._with_code(errand))
        except ProviderRefused as refused:
            return RecordDelivery(message_id=errand.id, status=MessageStatus.FAILED, error=refused.code)
        except ProviderAway as away:
            attempt = errand.attempts + 1
            return DeferMessage(message_id=errand.id, attempt=attempt, error=away.code, is_taken=away.is_taken)
        return RecordDelivery(message_id=errand.id, status=MessageStatus.SENT, provider_reference=reference)

    def failed(self, errand: Message) -> Command:
        """Says of a message that it failed for what is wrong with us; whether it was taken nobody knows."""
        return DeferMessage(message_id=errand.id, attempt=errand.attempts + 1, error=FAILED, is_taken=None)

    def report_name(self, errand: Message, report: Command) -> str:
        """A report's id."""
        if not isinstance(report, RecordDelivery | DeferMessage):
            raise TypeError(type(report).__name__)
        return report_id(errand, report)

    def _with_code(self, message: Message) -> Message:
        """The message as its recipient reads it: its code stands in it here alone, until it is handed over."""
        if message.code_id is None or message.code_purpose is None:
            return message
        forms = {
            CodeForm.DIGITS: self._vault.code,
            CodeForm.TOKEN: self._vault.token,
            CodeForm.PASSWORD: self._vault.password,
        }
        derived = forms[message.code_form](message.code_purpose, message.code_id, message.recipient)
        return message.with_code(derived)


def attempt_name(message: Message) -> str:
    """Names the next attempt to send a message."""
    return f"{message.id}/{message.attempts + 1}"


def report_id(message: Message, report: RecordDelivery | DeferMessage) -> str:
    """A report's id: who repeats the attempt and meets the same end says the same thing again."""
    if isinstance(report, DeferMessage):
        doubt = "doubted" if report.is_taken is None else "deferred"
        return f"{message.id}/{doubt}/{report.attempt}/{report.error}"
    return "/".join(part for part in (message.id, report.status.value, str(message.attempts + 1), report.error) if part)


async def run(beside: Beside) -> None:
    """Carry messages beside the worker's batches until the process ends."""
    async with httpx.AsyncClient(base_url=beside.settings.sms_url, timeout=REQUEST_SECONDS) as client:
        server = SmtpServer.of(beside.settings)
        email = NoProvider("email_not_set_up") if server is None else EmailProvider(server)
        providers: dict[MessageChannel, Provider] = {
            MessageChannel.SMS: SmsProvider(client),
            MessageChannel.EMAIL: email,
        }
        vault = Vault.of(beside.settings)
        await Courier(beside.reader, beside.publish, beside.take_leases, providers, vault).run(beside.stop)
