"""What a programme decides about cards: their categories, reasons and limits, and who may do what with them."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.values import Code

OFFICE = (ActorKind.OPERATOR, ActorKind.SYSTEM)


LEAST_FREE_DIGITS: Final = 8
"""Fewer digits between prefix and check digit could be tried out."""


class NumberRange(BaseModel):
    """Card numbers of one length with the same digits in front; the last digit is the check digit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(pattern=r"^[0-9]{1,10}$")
    digits: int = Field(16, ge=12, le=19)

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.free_digits < LEAST_FREE_DIGITS:
            raise ValueError(f"must leave {LEAST_FREE_DIGITS} digits between prefix and check digit")
        return self

    @property
    def free_digits(self) -> int:
        """How many digits stand between prefix and check digit."""
        return self.digits - len(self.prefix) - 1


class CardRules(BaseModel):
    """The programme's section on cards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_linked_cards: int = Field(3, ge=1, le=100)
    """How many cards a member may have."""
    collects_together: bool = False
    """Whether all cards of a member collect in one account, so that balances, caps, tiers and games are the member's;
    otherwise each card has its own. It counts from a member's next card on."""
    virtual_numbers: NumberRange | None = None
    """Where the numbers of virtual cards are drawn from; there are none without it."""
    categories: tuple[Code, ...] = Field(("normal",), min_length=1)
    block_reasons: tuple[Code, ...] = Field(("lost", "stolen", "damaged"), min_length=1)
    unblock_reasons: tuple[Code, ...] = Field(("found",), min_length=1)
    issuers: tuple[ActorKind, ...] = OFFICE
    """Who may make cards known."""
    blockers: tuple[ActorKind, ...] = (*OFFICE, ActorKind.APP)
    unblockers: tuple[ActorKind, ...] = OFFICE
    replacers: tuple[ActorKind, ...] = OFFICE
    deleters: tuple[ActorKind, ...] = OFFICE
    restorers: tuple[ActorKind, ...] = OFFICE
    categorisers: tuple[ActorKind, ...] = OFFICE
    linkers: tuple[ActorKind, ...] = (*OFFICE, ActorKind.APP)
    """Who may give a card to a member who has joined already."""
    virtual_issuers: tuple[ActorKind, ...] = (*OFFICE, ActorKind.APP)

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for field in ("categories", "block_reasons", "unblock_reasons"):
            names = getattr(self, field)
            if len(set(names)) < len(names):
                raise ValueError(f"{field} names something twice")
        return self
