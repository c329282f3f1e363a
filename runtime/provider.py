"""Providers: systems outside of ours over HTTP, asked with back-off and a breaker, and what their answers mean."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from runtime.breaker import Breaker

REQUEST_SECONDS: Final = 10.0
REQUESTS: Final = 3
"""Requests in one attempt."""
NOT_TAKEN: Final = (401, 403, 404, 429, 503)
"""Answers that say nothing against what was asked: the provider is busy, or our account or address there is wrong."""


class ProviderAway(Exception):
    """The provider can't take something now; `is_taken` is None where it may have taken it all the same."""

    def __init__(self, code: str, *, is_taken: bool | None) -> None:
        super().__init__(code)
        self.code = code
        self.is_taken = is_taken


class ProviderRefused(Exception):
    """The provider will never take this."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HttpProvider:
    """A provider over HTTP: a few requests with back-off for each attempt, and a breaker over all of them."""

    def __init__(self, client: httpx.AsyncClient, breaker: Breaker | None = None, *, first_wait: float = 0.1) -> None:
        self.breaker = breaker or Breaker()
        self.client = client
        self._first_wait = first_wait

    async def asked(self, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The answer to a request that is safe to make again; a good one.

        Raises:
            ProviderAway: it could not be taken now.
            ProviderRefused: it never will be.
        """
        is_doubtful = False
        requests = AsyncRetrying(
            stop=stop_after_attempt(REQUESTS),
            wait=wait_exponential(self._first_wait, max=2) + wait_random(0, self._first_wait),
            retry=retry_if_exception(lambda error: isinstance(error, ProviderAway) and not self._is_resting()),
            reraise=True,
        )
        try:
            async for attempt in requests:
                with attempt:
                    try:
                        return await self._once(request)
                    except ProviderAway as away:
                        is_doubtful = is_doubtful or away.is_taken is None
                        raise
        except ProviderAway as away:
            raise ProviderAway(away.code, is_taken=None if is_doubtful else False) from away
        raise AssertionError("tenacity ends with an answer or an exception")

    def _is_resting(self) -> bool:
        return self.breaker.is_resting(time.monotonic())

    async def _once(self, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                response = await request()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._away("provider_unreachable", is_taken=False) from error
        except (httpx.HTTPError, TimeoutError) as error:  # an answer that can't be decoded is none, too
            raise self._away("provider_silent", is_taken=None) from error

        code = f"provider_answered_{response.status_code}"
        if response.status_code in NOT_TAKEN:
            raise self._away(code, is_taken=False)
        if response.is_server_error:
            raise self._away(code, is_taken=None)
        self.breaker.worked()
        if not response.is_success:
            raise ProviderRefused(code)
        return response

    def _away(self, code: str, *, is_taken: bool | None) -> ProviderAway:
        self.breaker.broke(time.monotonic())
        return ProviderAway(code, is_taken=is_taken)
