"""A breaker: after several failures in a row a provider is left alone for a while, then tried with one request."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Counts what happened to requests; times are seconds on any clock that never goes back."""

    limit: int = 8
    """Failures in a row at which it opens."""
    rest_seconds: float = 5
    """How long it stays open before one request may try."""
    failures: int = 0
    _opened_at: float | None = None
    _is_trying: bool = False

    def is_resting(self, now: float) -> bool:
        """Whether nothing may be sent now."""
        if self._opened_at is None:
            return False
        return self._is_trying or now - self._opened_at < self.rest_seconds

    def lets_pass(self, now: float) -> bool:
        """Whether one request may go now; the first one after a rest is the trial that others wait for."""
        if self.is_resting(now):
            return False
        self._is_trying = self._opened_at is not None
        return True

    def let_go(self) -> None:
        """Note that a request that was let pass wasn't made."""
        self._is_trying = False

    def worked(self) -> None:
        """Note that the provider answered."""
        self.failures = 0
        self._opened_at = None
        self._is_trying = False

    def broke(self, now: float) -> None:
        """Note that the provider didn't, or only that it can't."""
        self.failures += 1
        if self._is_trying or self.failures >= self.limit:
            self._opened_at = now
        self._is_trying = False
