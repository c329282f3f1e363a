"""A code is to be sent while another process ends the registration: no challenge and no key stay behind."""

from contracts.verification import BeginVerification, EndRegistration
from runtime.persons import PersonKey
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON
from tests.runtime import faults
from tests.runtime.machine import two
from tests.workers.registration.people import DEMO, ITSELF, RULES
from tests.workers.registration.test_verification import received, requiring
from tests.workers.registration.test_views import keep
from workers.registration.challenge_documents import Challenge
from workers.registration.documents import Registration
from workers.registration.worker import worker

PROGRAMME = DEMO.model_copy(update={"registration": RULES.model_copy(update=requiring())})


class TestBeginVerification:
    async def test_while_the_registration_ends_leaves_nothing_behind(self, settings: Settings) -> None:
        over = received().document(Registration).evolve(ends_at=NOON)
        async with two(settings, worker, lambda: NOON, PROGRAMME) as (desk, other):
            await keep(desk.store, over)

            async def end(_: Transaction) -> None:
                assert await other.ask("ended", EndRegistration(registration_id=over.id), ITSELF) == ("done", None)

            faults.interfere(desk.store, end)
            begin = BeginVerification(registration_id=over.id)
            assert await desk.ask("begun", begin, ITSELF) == ("refused", "unknown_registration")
            left = [await desk.store.reader.get(each, over.id) for each in (Registration, Challenge, PersonKey)]
            assert left == [None] * 3
