"""Adjustments on real servers: a file sent twice moves nothing twice, and caps hold for many at once and by a file."""

from collections import Counter
from itertools import count
from pathlib import Path

from contracts.adjustments import AdjustBalance, AdjustmentState
from contracts.cards import ChangeCardCategory, IssueCard
from contracts.merging import MergeMembers
from contracts.messages import Actor, ActorKind, Command, CommandEnded, Outcome
from contracts.operators import TieOperator
from contracts.programme import Programme
from contracts.registration import RegisterMember
from contracts.values import luhn_digit
from runtime.settings import Settings
from runtime.store import Library
from services.bulk import Row, Sending, adjustment_rows, read_table, write_outcomes
from services.bulk.adjustments import COLUMNS, NEEDED
from tests.journeys.running import eventually, everything
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.views import RewardsViews, ledger_matches_balances

OFFICE = Actor(kind=ActorKind.SYSTEM, id="cli-test")
OLGA, BOB = (Actor(kind=ActorKind.OPERATOR, id=each) for each in ("olga", "bob"))
CARDS = [digits + luhn_digit(digits) for digits in (f"97700000{number:04d}" for number in range(12))]


async def sent(settings: Settings, rows: list[Row], actor: Actor) -> dict[str, CommandEnded]:
    answers: dict[str, CommandEnded] = {}
    async with Sending(settings, actor, answers, lambda _: None) as sending:
        await sending.send(rows)
    return answers


async def test_a_file_sent_again_changes_nothing_and_a_days_cap_holds_for_many_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "adjust.csv"
    lines = [f"{number},stamps,{3 + place},goodwill" for place, number in enumerate(CARDS)]
    file.write_text("card_number,unit,amount,reason\n" + "\n".join(lines), encoding="utf-8")
    rows = adjustment_rows(read_table(file, COLUMNS, NEEDED), Programme.read(Path("programme.yaml")), OFFICE.id)
    by_hand = [
        AdjustBalance(card_number=number, operator_id=OLGA.id, unit="stamps", amount=20, reason="goodwill")
        for number in CARDS
    ]
    library = Library(settings)
    async with everything(settings):
        views = RewardsViews(library.worker("rewards"))

        issued = [Row(n, number, f"card-{n}", IssueCard(card_number=number)) for n, number in enumerate(CARDS)]
        await sent(settings, issued, OFFICE)
        await eventually(lambda: views.accounts_by_card(CARDS), lambda found: len(found) == len(CARDS), "accounts")

        first, again = await sent(settings, rows, OFFICE), await sent(settings, rows, OFFICE)
        assert Counter(each.outcome for each in first.values()) == {Outcome.DONE: len(CARDS)}
        assert first == again
        held = await views.accounts_by_card(CARDS)
        assert [held[number].holding("stamps").balance for number in CARDS] == [3 + n for n in range(len(CARDS))]

        await sent(settings, [Row(n, "", f"hand-{n}", each) for n, each in enumerate(by_hand)], OLGA)
        made = await library.worker("rewards").find(Adjustment, {"actor.id": OLGA.id}, limit=0)
        assert Counter(each.state for each in made) == {AdjustmentState.APPLIED: 5, AdjustmentState.WAITING: 7}
        file.write_text(f"card_number,unit,amount,reason\n{CARDS[0]},stamps,20,goodwill\n{CARDS[1]},stamps,21,goodwill")
        rows = adjustment_rows(read_table(file, COLUMNS, NEEDED), Programme.read(Path("programme.yaml")), BOB.id)
        outcomes = write_outcomes(tmp_path / "out.csv", rows, await sent(settings, rows, BOB))
        assert outcomes == {"done": 1, "needs approval": 1}
        await nobody_works_on_their_own(settings, CARDS[0])
        assert (await ledger_matches_balances(library.worker("rewards"))).adds_up
    library.close()


async def nobody_works_on_their_own(settings: Settings, number: str) -> None:
    """Bob says that Olga is the member whose card this is: no worker lets her do anything with it from then on."""
    tried = count()

    async def asked(command: Command, actor: Actor) -> CommandEnded:
        (answer,) = (await sent(settings, [Row(0, "", f"own-{next(tried)}", command)], actor)).values()
        return answer

    joining = RegisterMember.model_validate(
        {
            "channel": "call",
            "phone": "+4915112345678",
            "first_name": "Olga",
            "last_name": "Orlova",
            "card_number": number,
            "consents": [
                {"kind": kind, "text_version": version, "given_at": "2026-11-22T09:00:00Z"}
                for kind, version in (("personal_data", "2026-09"), ("offer", "2026-01"))
            ],
        }
    )
    (joined, *_) = (await asked(joining, OLGA)).events
    assert joined.type == "MemberRegistered"
    member_id = str(joined.body["member_id"])
    asking = (
        MergeMembers(member_id=member_id, absorbed_id="somebody"),
        ChangeCardCategory(card_number=number, category="employee"),
        AdjustBalance(card_number=number, operator_id=OLGA.id, unit="stamps", amount=1, reason="goodwill"),
    )
    assert (await asked(TieOperator(operator_id=OLGA.id, member_id=member_id), OLGA)).code == "own_tie"
    assert (await asked(TieOperator(operator_id=OLGA.id, member_id=member_id), BOB)).outcome is Outcome.DONE
    for command in asking:

        async def refused(command: Command = command) -> str | None:
            return (await asked(command, OLGA)).code

        await eventually(refused, lambda code: code == "own_account", f"the refusal of {type(command).__name__}")
    assert (await asked(asking[1], BOB)).outcome is Outcome.DONE
