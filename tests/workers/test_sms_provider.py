"""The SMS provider as the courier meets it: what its answers, its silence and its refusals mean for a message."""

import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from contracts.notifications import DeferMessage, MessageStatus, RecordDelivery
from runtime.breaker import Breaker
from tests.workers.test_courier import due
from workers.notifications.courier import ProviderAway, ProviderRefused, SmsProvider, report_id


class Garbled(httpx.AsyncByteStream):
    """A body that is not what its headers say."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"not gzip"


def answering(answer: Callable[[httpx.Request], httpx.Response], breaker: Breaker | None = None) -> SmsProvider:
    """A provider that answers so, without a socket."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://provider")
    return SmsProvider(client, breaker, first_wait=0.001)


class TestSmsProvider:
    async def test_knows_that_nothing_was_taken_where_nobody_listens(self) -> None:
        async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as client:
            with pytest.raises(ProviderAway) as caught:
                await SmsProvider(client, first_wait=0.001).send(due())

        assert (caught.value.code, caught.value.is_taken) == ("provider_unreachable", False)

    @pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.DecodingError, httpx.TooManyRedirects])
    async def test_does_not_know_where_the_answer_does_not_come(self, error: type[httpx.RequestError]) -> None:
        def break_off(request: httpx.Request) -> httpx.Response:
            raise error("broken", request=request)

        with pytest.raises(ProviderAway) as caught:
            await answering(break_off).send(due())

        assert (caught.value.code, caught.value.is_taken) == ("provider_silent", None)

    async def test_does_not_know_where_the_answer_cannot_be_decoded(self) -> None:
        def garble(_: httpx.Request) -> httpx.Response:
            return httpx.Response(202, headers={"Content-Encoding": "gzip"}, stream=Garbled())

        with pytest.raises(ProviderAway) as caught:
            await answering(garble).send(due())

        assert (caught.value.code, caught.value.is_taken) == ("provider_silent", None)

    @pytest.mark.parametrize("status", [401, 403, 404])
    async def test_holds_nothing_against_a_message_where_our_account_or_address_is_wrong(self, status: int) -> None:
        sms = answering(lambda _: httpx.Response(status), Breaker(limit=3))

        with pytest.raises(ProviderAway) as caught:
            await sms.send(due())

        assert (caught.value.code, caught.value.is_taken) == (f"provider_answered_{status}", False)
        assert sms.breaker.is_resting(time.monotonic())

    @pytest.mark.parametrize("status", [400, 422])
    async def test_says_what_the_provider_will_never_take(self, status: int) -> None:
        with pytest.raises(ProviderRefused, match=f"provider_answered_{status}"):
            await answering(lambda _: httpx.Response(status)).send(due())

    async def test_keeps_a_doubt_that_a_later_request_does_not_clear(self) -> None:
        answers = iter([504, 503, 503])

        with pytest.raises(ProviderAway) as caught:
            await answering(lambda _: httpx.Response(next(answers))).send(due())

        assert caught.value.is_taken is None

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"reference": ""}', b"OK"])
    async def test_takes_an_odd_answer_for_what_its_status_says(self, body: bytes) -> None:
        assert await answering(lambda _: httpx.Response(202, content=body)).send(due()) is None


class TestReportId:
    def test_differs_for_what_differs(self) -> None:
        sent = RecordDelivery(message_id="a", status=MessageStatus.SENT, provider_reference="p")
        failed = RecordDelivery(message_id="a", status=MessageStatus.FAILED, error="provider_answered_422")
        away = DeferMessage(message_id="a", attempt=1, error="provider_silent", is_taken=None)
        unreachable = DeferMessage(message_id="a", attempt=1, error="provider_silent", is_taken=False)

        assert len({report_id(due(), report) for report in (sent, failed, away, unreachable)}) == 4
        assert report_id(due(), sent) == f"{0:032x}/sent/1"
