"""The SMTP server as the courier meets it, a real one on loopback: what its answers and its silence mean."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from contracts.notifications import MessageChannel
from runtime.breaker import Breaker
from runtime.settings import Settings
from runtime.smtp import SmtpServer
from tests.mailbox import Mailbox, listening
from tests.security.certificates import Authority
from tests.security.scan import SMTP_PASSWORD
from tests.workers.notifications.programmes import message
from workers.notifications.courier import EmailProvider, NoProvider, ProviderAway, ProviderRefused
from workers.notifications.documents import Message

TO = "ana@example.org"
HOST = "127.0.0.1"


def email(**changes: object) -> Message:
    fields = {
        "channel": MessageChannel.EMAIL,
        "sender": '"Corner Cafe" <hello@corner.example>',
        "recipient": TO,
        "subject": "Dein Passwort für Corner",
        "text": "Hallo Ana,\n\nhier ist es: zqx .\n.\nBis bald",
    }
    return message(**{**fields, **changes})


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with listening() as box:
        yield box


def provider(box: Mailbox, breaker: Breaker | None = None) -> EmailProvider:
    return EmailProvider(SmtpServer(HOST, box.port, "none"), breaker)


async def away(box: Mailbox) -> tuple[str, bool | None]:
    """Why an email couldn't be handed over now, and whether it was taken."""
    with pytest.raises(ProviderAway) as caught:
        await provider(box).send(email())
    return caught.value.code, caught.value.is_taken


class TestEmailProvider:
    async def test_hands_over_an_email_as_it_was_written(self, mailbox: Mailbox) -> None:
        await provider(mailbox).send(email())

        (mail,) = mailbox.mails
        assert mailbox.recipients == [TO]
        assert (mail["From"], mail["To"]) == ("Corner Cafe <hello@corner.example>", TO)
        assert mail["Subject"] == "Dein Passwort für Corner"
        assert mail.get_content().splitlines() == email().text.splitlines()
        assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-generated", "de")

    async def test_gives_it_an_id_of_its_own_that_is_the_same_when_it_is_tried_again(self, mailbox: Mailbox) -> None:
        for number in (1, 1, 2):
            await provider(mailbox).send(email(id=f"{number:032}"))

        first, again, other = (mail["Message-ID"] for mail in mailbox.mails)
        assert first == again == f"<{1:032}@corner.example>"
        assert other != first
        assert mailbox.mails[0]["Date"] == mailbox.mails[1]["Date"]

    async def test_takes_addresses_beyond_ascii(self, mailbox: Mailbox) -> None:
        await provider(mailbox).send(email(recipient="änä@example.org"))
        assert mailbox.recipients == ["änä@example.org"]

    async def test_lets_nobody_write_headers(self, mailbox: Mailbox) -> None:
        with pytest.raises(ProviderRefused, match="email_unwritable"):
            await provider(mailbox).send(email(subject="Hello\nBcc: eve@example.org"))
        assert mailbox.mails == []

    @pytest.mark.parametrize(
        "recipient", ["eve,ana@example.org", "ana>eve@example.org", "<eve>ana@example.org", '"ana@b.example']
    )
    async def test_writes_to_nobody_else_than_the_address_says(self, mailbox: Mailbox, recipient: str) -> None:
        with pytest.raises(ProviderRefused, match="email_unwritable"):
            await provider(mailbox).send(email(recipient=recipient))
        assert mailbox.recipients == []

    async def test_refuses_for_good_what_the_server_refuses_for_good(self, mailbox: Mailbox) -> None:
        for place in ("recipient", "mail"):
            box = Mailbox(answers={place: "550 no such mailbox"})
            async with listening(box):
                with pytest.raises(ProviderRefused, match="provider_answered_550"):
                    await provider(box).send(email())

    @pytest.mark.parametrize("place", ["recipient", "mail", "sender"])
    async def test_holds_nothing_against_an_email_where_the_server_is_busy(self, place: str) -> None:
        async with listening(Mailbox(answers={place: "451 later"})) as box:
            assert await away(box) == ("provider_answered_451", False)

    async def test_holds_nothing_against_an_email_where_we_are_not_welcome(self) -> None:
        async with listening(Mailbox(answers={"sender": "550 who are you"})) as box:
            assert await away(box) == ("provider_answered_550", False)

    async def test_knows_that_nothing_was_taken_where_nobody_listens(self) -> None:
        assert await away(Mailbox(port=1)) == ("provider_unreachable", False)

    async def test_does_not_know_where_the_answer_to_an_email_does_not_come(self) -> None:
        async with listening(Mailbox(hangs_up=True)) as box:
            assert await away(box) == ("provider_silent", None)
            assert len(box.mails) == 1, "it was taken all the same"

    async def test_leaves_a_server_alone_that_fails_again_and_again(self) -> None:
        breaker = Breaker(limit=2)
        for _ in range(2):
            with pytest.raises(ProviderAway):
                await provider(Mailbox(port=1), breaker).send(email())
        assert breaker.is_resting(time.monotonic())

    async def test_writes_headers_in_ascii_where_the_server_was_asked_for_no_more(self, mailbox: Mailbox) -> None:
        await provider(mailbox).send(email(sender='"Café Käse" <hello@corner.example>'))

        (mail,) = mailbox.mails
        assert mail["From"] == "Café Käse <hello@corner.example>"
        assert mailbox.raw[0].partition(b"\r\n\r\n")[0].isascii()

    async def test_of_a_platform_without_a_server_fails_and_says_why(self) -> None:
        with pytest.raises(ProviderRefused, match="email_not_set_up"):
            await NoProvider("email_not_set_up").send(email())


class TestSecurity:
    def server(
        self, box: Mailbox, ca_file: Path | None, user: str | None = None, word: str | None = None
    ) -> SmtpServer:
        return SmtpServer(HOST, box.port, "starttls", user, word, ca_file)

    async def test_says_nothing_before_the_line_is_kept_to_oneself(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "mail")
        async with listening(certificate=authority.server(HOST), needs_login=True) as box:
            await EmailProvider(self.server(box, authority.file, "cafe", SMTP_PASSWORD)).send(email())
            assert (box.logins, box.sessions) == ([("cafe", SMTP_PASSWORD)], [True])

            with pytest.raises(ProviderAway, match="provider_answered_535"):
                await EmailProvider(self.server(box, authority.file, "cafe", "another")).send(email())
        assert len(box.mails) == 1

    async def test_trusts_no_server_that_nobody_vouches_for(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "mail")
        async with listening(certificate=authority.server(HOST)) as box:
            with pytest.raises(ProviderAway, match="provider_unreachable"):
                await EmailProvider(self.server(box, Authority(tmp_path, "other").file)).send(email())
        assert box.mails == []

    async def test_waits_for_certificates_that_can_not_be_read(self, mailbox: Mailbox, tmp_path: Path) -> None:
        mail = EmailProvider(self.server(mailbox, tmp_path / "authority.pem"))
        with pytest.raises(ProviderAway, match="provider_unreachable"):
            await mail.send(email())

    async def test_sends_nothing_where_the_line_can_not_be_kept_to_oneself(self, mailbox: Mailbox) -> None:
        with pytest.raises(ProviderAway, match="provider_unreachable"):
            await EmailProvider(self.server(mailbox, None)).send(email())
        assert mailbox.mails == []

    def test_settings_never_let_a_password_go_in_clear(self) -> None:
        with pytest.raises(ValidationError, match="smtp_password needs smtp_security"):
            Settings(smtp_host="m", smtp_user="cafe", smtp_password=SecretStr("x"), smtp_security="none")
        with pytest.raises(ValidationError, match="go together"):
            Settings(smtp_host="m", smtp_user="cafe")

    def test_settings_name_the_server(self) -> None:
        assert SmtpServer.of(Settings()) is None
        set_up = Settings(smtp_host="m", smtp_port=25, smtp_user="cafe", smtp_password=SecretStr("x"))
        assert SmtpServer.of(set_up) == SmtpServer("m", 25, "starttls", "cafe", "x", None)
