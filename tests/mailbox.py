"""An SMTP server on loopback: takes emails as a provider does, and answers, or doesn't, as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TAKEN: Final = "250 OK"


@dataclass
class Mailbox:
    """What a server took, and how it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    """The same, byte by byte."""
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    sessions: list[bool] = field(default_factory=list)
    """Of each email, whether it came over TLS."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """To a `sender`, a `recipient`, a `mail`, where it isn't that all is well."""
    hangs_up: bool = False
    """Whether it goes away instead of an answer to an email, which it took."""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to a sender."""
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("sender", TAKEN)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to a recipient."""
        envelope.rcpt_tos.append(address)
        return self.answers.get("recipient", TAKEN)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer to an email."""
        content = envelope.content
        assert isinstance(content, bytes)
        if "mail" not in self.answers:
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.raw.append(content)
            self.recipients += envelope.rcpt_tos
            self.sessions.append(session.ssl is not None)
        if self.hangs_up:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return self.answers.get("mail", TAKEN)

    def texts_to(self, recipient: str) -> list[str]:
        """What emails to somebody say."""
        return [mail.get_content() for mail, to in zip(self.mails, self.recipients, strict=True) if to == recipient]

    def authenticated(self, *said: Any) -> AuthResult:
        """Whether somebody may send; the first login is right, and the same one again."""
        login: LoginPassword = said[-1]
        known = (login.login.decode(), login.password.decode())
        self.logins.append(known)
        return AuthResult(success=known == self.logins[0], handled=False)


@asynccontextmanager
async def listening(
    mailbox: Mailbox | None = None, certificate: Path | None = None, *, needs_login: bool = False
) -> AsyncIterator[Mailbox]:
    """A mailbox behind a port of its own; with a certificate it takes nothing before TLS."""
    box = mailbox or Mailbox()
    tls: ssl.SSLContext | None = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    serve: Callable[[], SMTP] = partial(
        SMTP,
        box,
        hostname="mailbox",
        enable_SMTPUTF8=True,
        tls_context=tls,
        require_starttls=tls is not None,
        auth_required=needs_login,
        authenticator=box.authenticated,
        loop=asyncio.get_running_loop(),
    )
    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", box.port)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
