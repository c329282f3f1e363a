"""What a programme decides about cards: their categories, reasons and limits, and who may do what with them."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.values import Code

OFFICE = (ActorKind.OPERATOR, ActorKind.SYSTEM)


class CardRules(BaseModel):
    """The programme's section on cards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_linked_cards: int = Field(3, ge=1, le=100)
    """How many cards a member may have."""
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

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for field in ("categories", "block_reasons", "unblock_reasons"):
            names = getattr(self, field)
            if len(set(names)) < len(names):
                raise ValueError(f"{field} names something twice")
        return self
