"""What a programme decides about who is calling and about passwords: what counts, how often, for how long."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.passwords import StretchTerms

OFFICE: Final = (ActorKind.OPERATOR, ActorKind.SYSTEM)


class Detail(StrEnum):
    """What a caller can tell of themselves."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    BORN_ON = "born_on"
    PHONE = "phone"
    EMAIL = "email"
    HOME_STORE = "home_store"
    CARD_NUMBER = "card_number"


class IdentificationRules(BaseModel):
    """How callers show who they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    details: tuple[Detail, ...] = (
        *(Detail.FIRST_NAME, Detail.LAST_NAME, Detail.BORN_ON, Detail.PHONE, Detail.EMAIL, Detail.CARD_NUMBER),
    )
    """Which details count."""
    must_match: int = Field(3, ge=1)
    """How many of them have to be right."""
    detail_askers: tuple[ActorKind, ...] = (ActorKind.OPERATOR,)
    """Who may identify by details, which others than the member may know, too."""
    most_failures: int = Field(5, ge=1, le=100)
    """How many tries may fail for a member, by whatever method, within `failure_minutes`."""
    failure_minutes: int = Field(60, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.details)) < len(self.details):
            raise ValueError("details names something twice")
        if self.must_match > len(self.details):
            raise ValueError("must_match must not exceed the number of details")
        return self


class PasswordRules(BaseModel):
    """Members' passwords."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    renewers: tuple[ActorKind, ...] = (*OFFICE, ActorKind.APP)
    """Who may have a new one sent to a member."""
    setters: tuple[ActorKind, ...] = (ActorKind.APP, ActorKind.SYSTEM)
    """Who may set one with the link's token: the personal account that the link leads to."""
    stretch: StretchTerms = StretchTerms()
    """For passwords that are set from now on; those that stand keep their own."""
    shortest: int = Field(8, ge=8, le=64)
    """Characters of a password."""
    link_minutes: int = Field(60, ge=1)
    """How long a link works."""
    renewals_an_hour: int = Field(3, ge=1)
    link: str = Field("https://account.example.org/password#{token}", pattern=r"^https://[^\s{}]+\{token\}$")
    """Where a member sets their password; the token stands behind the `#`, so that no server logs it."""
