"""Emails, handed over to an SMTP server (RFC 5321) on a connection each, and what its answers mean."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as MAIL
from email.policy import SMTPUTF8 as MAIL_UTF8
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NoReturn, Self

import aiosmtplib

from runtime.breaker import Breaker
from runtime.provider import REQUEST_SECONDS, ProviderAway, ProviderRefused
from runtime.settings import Settings

LEAST: Final = 100
"""What is below is no answer; aiosmtplib says -1 of one that it can't read."""
LASTING: Final = 500
"""Answers from here on say that it will never be otherwise."""
LEAVING_SECONDS: Final = 1.0


@dataclass(frozen=True)
class SmtpServer:
    """Where emails are handed over, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The one that the settings name, if any."""
        if settings.smtp_host is None:
            return None
        password = settings.smtp_password
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=None if password is None else password.get_secret_value(),
            ca_file=settings.smtp_ca_file,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        return None if self.security == "none" else ssl.create_default_context(cafile=self.ca_file)

    def client(self) -> aiosmtplib.SMTP:
        """A client for one connection.

        Raises:
            OSError: the file of certificates can't be read.
        """
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=self._tls,
            username=self.user,
            password=self.password,
            timeout=REQUEST_SECONDS,
        )


class SmtpProvider:
    """An SMTP server, asked once for each attempt, and a breaker over all of them."""

    def __init__(self, server: SmtpServer, breaker: Breaker | None = None) -> None:
        self.breaker = breaker or Breaker()
        self._server = server

    async def hand_over(self, mail: EmailMessage, sender: str, recipient: str) -> None:
        """Have an email taken; the server has it when this returns.

        Raises:
            ProviderAway: it could not be taken now.
            ProviderRefused: it never will be.
        """
        try:
            client = self._server.client()
        except OSError as error:
            raise self._away("provider_unreachable", is_taken=False) from error
        is_taken: bool | None = False
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await client.connect()
                await self._address(client, sender, recipient)
                is_taken = None  # from here on it may have all that it needs, whatever becomes of its answer
                # As the addresses were announced: a server that wasn't asked for more takes no bare UTF-8 (RFC 6531).
                await client.data(mail.as_bytes(policy=MAIL if (sender + recipient).isascii() else MAIL_UTF8))
            await _leave(client)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= LEAST:
                self._judge(error)
            code = "provider_unreachable" if is_taken is False else "provider_silent"
            raise self._away(code, is_taken=is_taken) from error
        finally:
            client.close()
        self.breaker.worked()

    async def _address(self, client: aiosmtplib.SMTP, sender: str, recipient: str) -> None:
        if (sender + recipient).isascii():
            await client.mail(sender)
            await client.rcpt(recipient)
            return
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if not client.supports_extension("smtputf8"):
            raise ProviderRefused("provider_without_smtputf8")
        await client.mail(sender, options=["SMTPUTF8"], encoding="utf-8")
        await client.rcpt(recipient, encoding="utf-8")

    def _judge(self, answer: aiosmtplib.SMTPResponseException) -> NoReturn:
        """Only what is said of the recipient or of the email itself can be for good; the rest is about us."""
        code = f"provider_answered_{answer.code}"
        is_about_it = isinstance(answer, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        if is_about_it and answer.code >= LASTING:
            self.breaker.worked()
            raise ProviderRefused(code) from answer
        raise self._away(code, is_taken=False) from answer

    def _away(self, code: str, *, is_taken: bool | None) -> ProviderAway:
        self.breaker.broke(time.monotonic())
        return ProviderAway(code, is_taken=is_taken)


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; the email was taken, whether that is heard or not."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(LEAVING_SECONDS):
            await client.quit()
