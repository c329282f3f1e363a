"""Steps that are taken again while somebody is away."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential


class Waits(NamedTuple):
    """Waits in seconds: the longest after the first failure, each next one may be twice as long, and of all."""

    first: float
    longest: float


async def until_done(
    step: Callable[[], Awaitable[None]],
    *away: type[Exception],
    waits: Waits,
    is_hopeless: Callable[[Exception], bool] | None = None,
    note: Callable[[Exception, int], None] | None = None,
) -> None:
    """Take a step, again and again while it fails for one of these reasons, with growing waits (tenacity).

    Tenacity costs more than many a step takes, so it comes in with the first failure, which counts as its first try.

    Args:
        step: What is done.
        away: Why it may fail without being wrong.
        waits: How long is waited, at random up to so much.
        is_hopeless: Asked after every failure: true to raise it and give up.
        note: Told of every failure after which is waited, and of how many there were.

    Raises:
        Exception: what the step raised, if it is another reason or hopeless.
    """
    try:
        await step()
    except away as error:
        failed = error
    else:
        return

    def stop(state: RetryCallState) -> bool:
        return is_hopeless is not None and is_hopeless(_error_of(state))

    def before_sleep(state: RetryCallState) -> None:
        if note is not None:
            note(_error_of(state), state.attempt_number)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(away),
        wait=wait_random_exponential(multiplier=waits.first, max=waits.longest),
        stop=stop,
        before_sleep=before_sleep,
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            if attempt.retry_state.attempt_number == 1:
                raise failed
            await step()


def _error_of(state: RetryCallState) -> Any:
    return state.outcome.exception() if state.outcome else None
