"""The breaker: opens after failures in a row, rests, and lets one request find out."""

from runtime.breaker import Breaker


class TestBreaker:
    def test_opens_after_failures_in_a_row(self) -> None:
        breaker = Breaker(limit=2, rest_seconds=10)
        breaker.broke(0)
        breaker.worked()
        breaker.broke(1)
        assert breaker.lets_pass(1)

        breaker.broke(2)
        assert not breaker.lets_pass(11.9)

    def test_lets_one_try_after_its_rest(self) -> None:
        breaker = Breaker(limit=1, rest_seconds=10)
        breaker.broke(0)

        assert [breaker.lets_pass(10), breaker.lets_pass(10)] == [True, False]
        breaker.broke(11)
        assert not breaker.lets_pass(20)
        assert breaker.lets_pass(21)
        breaker.worked()
        assert [breaker.lets_pass(21), breaker.lets_pass(21)] == [True, True]

    def test_gives_the_try_to_the_next_if_it_was_not_used(self) -> None:
        breaker = Breaker(limit=1, rest_seconds=10)
        breaker.broke(0)

        assert breaker.lets_pass(10)
        breaker.let_go()
        assert breaker.lets_pass(10)
