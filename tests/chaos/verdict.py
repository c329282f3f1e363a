"""The verdict: what the checker found, sorted into the figures that a soak is asked for."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tests.proof.case import Violation
from tests.proof.history import History

FIGURES: Final[Mapping[str, frozenset[str]]] = {
    "lost": frozenset({"lost_command", "lost_event", "unheard", "undispatched", "lag", "lost_document"}),
    "doubled": frozenset({"doubled", "two_outcomes", "unequal_copies", "ghost", "ghost_answer", "ghost_dead_letter"}),
    "without_outcome": frozenset({"without_outcome", "without_answer", "without_dead_letter"}),
    "out_of_order": frozenset({"out_of_order", "gap", "version", "offset_ahead"}),
}
"""Which of the checker's findings count as what; the rest (the trail, claims, dead letters, …) is `otherwise_wrong`."""
SHOWN: Final = 25


def figures(history: History, violations: Sequence[Violation]) -> dict[str, Any]:
    """How many of each, and by how many points and stamps the ledger and the balances differ."""
    codes = Counter(violation.code for violation in violations)
    known = frozenset[str]().union(*FIGURES.values())
    return {
        **{name: sum(codes[code] for code in own) for name, own in FIGURES.items()},
        "ledger_difference": ledger_difference(history) + codes["ledger"],
        "otherwise_wrong": sum(count for code, count in codes.items() if code not in known | {"ledger"}),
        "violations": dict(sorted(codes.items())),
    }


def ledger_difference(history: History) -> int:
    """The sum over all accounts and units of what entries and balances differ by."""
    rewards = history.workers["rewards"].documents
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in rewards.get("ledger_entries", ()):
        sums[entry["account_id"], entry["unit"]] += entry.get("amount", 0)
    for account in rewards.get("accounts", ()):
        for holding in account.get("holdings", ()):
            sums[account["_id"], holding["unit"]] -= holding.get("balance", 0)
    return sum(abs(difference) for difference in sums.values())


def shown(violations: Iterable[Violation]) -> list[str]:
    """A few of each kind, as lines."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for violation in violations:
        kinds[violation.code].append(violation.text)
    most = max(3, SHOWN // max(1, len(kinds)))
    return [f"{code} ({len(texts)}): {text}" for code, texts in sorted(kinds.items()) for text in texts[:most]]


def outcomes(history: History) -> dict[str, int]:
    """How the commands of all workers ended."""
    ended = Counter(each.outcome for kept in history.workers.values() for each in kept.journal if each.result)
    return dict(sorted(ended.items()))


def covered(history: History) -> dict[str, int]:
    """How many commands of each worker ended: a soak that forgets one proves nothing of it."""
    return {name: sum(each.result is not None for each in kept.journal) for name, kept in history.workers.items()}
