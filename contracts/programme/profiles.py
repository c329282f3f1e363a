"""What a programme decides about changes of profiles: by whom, for which callers, and how long spending waits."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind

OFFICE: Final = (ActorKind.OPERATOR, ActorKind.SYSTEM)


class ProfileRules(BaseModel):
    """Changes of what members told of themselves, and of how they are reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    editors: tuple[ActorKind, ...] = (*OFFICE, ActorKind.APP)
    """Who may change names, birthday, home store, language and answers; each answer as its question says, too."""
    needs_identification: bool = True
    """Whether a caller has to show who they are before an operator does that in a call."""
    contact_changers: tuple[ActorKind, ...] = OFFICE
    """Who may change phone and email: operators always for identified callers alone."""
    cooling_off_hours: int = Field(72, ge=0, le=720)
    """How long nothing is spent after such a change, unless the old address agreed."""

    @model_validator(mode="after")
    def _nobody_probes(self) -> Self:
        if not set(self.contact_changers) <= set(OFFICE):
            raise ValueError("contact_changers must be operator or system: they are told that an address is in use")
        return self
