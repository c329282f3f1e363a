"""The programme's messages to its members: which events are told, in which words, and for how long they are tried."""

from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from contracts.codes import CodePurpose
from contracts.messages import ActorKind
from contracts.notifications import MessageChannel
from contracts.values import Code, Email

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
SubjectText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
TemplateText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]

PLACEHOLDERS: Final[Mapping[str, frozenset[str]]] = {
    "MemberRegistered": frozenset({"first_name", "programme"}),
    "RegistrationRepeated": frozenset({"first_name", "programme"}),
    "CardBlocked": frozenset({"first_name", "programme", "card"}),
    "CardReplaced": frozenset({"first_name", "programme", "card"}),
    "RewardIssued": frozenset({"first_name", "programme", "reward"}),
    "CouponIssued": frozenset({"first_name", "programme", "coupon", "offer"}),
    "CouponResent": frozenset({"first_name", "programme", "coupon", "offer"}),
    "TierChanged": frozenset({"first_name", "programme", "tier"}),
    "CouponShared": frozenset({"first_name", "programme", "coupon", "offer"}),
    "PasswordRenewed.link": frozenset({"first_name", "programme", "link", "minutes"}),
    "PasswordRenewed.generated": frozenset({"first_name", "programme", "password"}),
    "PasswordSet": frozenset({"first_name", "programme"}),
    "PhoneChanged.earlier": frozenset({"first_name", "programme", "phone"}),
    "PhoneChanged.new": frozenset({"first_name", "programme"}),
    "EmailChanged": frozenset({"first_name", "programme"}),
    "EmailChanged.earlier": frozenset({"first_name", "programme"}),
    "EmailChanged.new": frozenset({"first_name", "programme"}),
    **{
        f"CodeRequested.{purpose}": frozenset({"first_name", "programme", "code", "minutes"}) for purpose in CodePurpose
    },
}
"""The events that members can be told of, and what a text about each may name; codes have a text for each purpose."""

NEEDED: Final[Mapping[str, str]] = {"PasswordRenewed.link": "link", "PasswordRenewed.generated": "password"}
"""What a text can't do without."""
SECRETS: Final = frozenset({"code", "link", "password"})
"""What never stands in the subject of an email, which is shown where nobody opened it."""
BY_EMAIL: Final = frozenset({"EmailChanged.earlier", "EmailChanged.new"})
"""What is told to an email alone."""


class Template(BaseModel):
    """What members are told when something happens, in each language; `{name}` is filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: str
    """The event that it is told on."""
    mailing: Code | None = None
    """The mailing that it is part of, to which members subscribe; a service message, which comes anyway, has none."""
    texts: Mapping[Language, TemplateText]
    subjects: Mapping[Language, SubjectText] = {}
    """What an email about it is headed; without any it is never an email."""
    channels: tuple[MessageChannel, ...] = Field((MessageChannel.SMS,), min_length=1)
    """Through which a service message is sent, to who has an address there; those of a mailing are the mailing's."""

    @field_validator("event")
    @classmethod
    def _known_event(cls, event: str) -> str:
        if event not in PLACEHOLDERS:
            raise ValueError(f"must be one of {', '.join(sorted(PLACEHOLDERS))}")
        return event

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        for language, text in self.texts.items():
            unknown = placeholders(text) - PLACEHOLDERS[self.event]
            if unknown:
                allowed = ", ".join(sorted(PLACEHOLDERS[self.event]))
                raise ValueError(f"{language}: {{{min(unknown)}}} is not known on {self.event}, which has {allowed}")
            needed = "code" if self.event.startswith("CodeRequested.") else NEEDED.get(self.event)
            if needed is not None and needed not in placeholders(text):
                raise ValueError(f"{language}: a text that sends a {needed} must say {{{needed}}}")
        return self

    @model_validator(mode="after")
    def _known_in_subjects(self) -> Self:
        for language, subject in self.subjects.items():
            unknown = placeholders(subject) - (PLACEHOLDERS[self.event] - SECRETS)
            if unknown:
                raise ValueError(f"{language}: the subject can't say {{{min(unknown)}}}")
        if MessageChannel.EMAIL in self.channels and not self.subjects:
            raise ValueError("what is sent by email needs subjects")
        if self.event in BY_EMAIL and self.channels != (MessageChannel.EMAIL,):
            raise ValueError(f"{self.event} is told by email alone: channels: [email]")
        return self


class EmailRules(BaseModel):
    """Emails to members."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Email
    """What they are shown to come from, beside the programme's name."""


class Mailing(BaseModel):
    """A kind of message that members may have come or not, through each of its channels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: str = Field(min_length=1, max_length=100)
    channels: tuple[MessageChannel, ...] = Field((MessageChannel.SMS,), min_length=1)


class NotificationRules(BaseModel):
    """Messages to members."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ]{1,11}$")]
    """What a text is shown to come from."""
    default_language: Language
    """For members whose language has no text."""
    nameless: Mapping[Language, TemplateText]
    """How a member is addressed whose first name is not known: what `{first_name}` becomes."""
    lifetime_minutes: int = Field(2_880, ge=1, le=43_200)
    """How long a message is worth sending."""
    attempts: int = Field(12, ge=1, le=100)
    """How often it is tried before it has failed; each attempt is several requests."""
    first_wait_seconds: float = Field(5, gt=0)
    """How long the second attempt waits; each next one waits twice as long."""
    longest_wait_seconds: float = Field(900, gt=0)
    templates: Mapping[Code, Template]
    email: EmailRules | None = None
    """Without them nothing is sent by email."""
    mailings: tuple[Mailing, ...] = ()
    mailings_are_on: bool = True
    """Whether members get mailings about which they have said nothing; false where the law wants them to ask first."""
    subscribers: tuple[ActorKind, ...] = ()
    """Who may say which mailings a member gets."""

    @model_validator(mode="after")
    def _mailings_are_known(self) -> Self:
        codes = [mailing.code for mailing in self.mailings]
        if len(set(codes)) < len(codes):
            raise ValueError("mailings names something twice")
        for name, template in self.templates.items():
            if template.mailing is not None and template.mailing not in codes:
                raise ValueError(f"templates.{name}: there is no mailing {template.mailing}")
            if template.mailing is not None and template.event.startswith("CodeRequested."):
                raise ValueError(f"templates.{name}: a code is a service message, never part of a mailing")
        return self

    @model_validator(mode="after")
    def _said_in_the_default_language(self) -> Self:
        if self.default_language not in self.nameless:
            raise ValueError(f"nameless has no text in the default language, {self.default_language}")
        for name, template in self.templates.items():
            if self.default_language not in template.texts:
                raise ValueError(f"templates.{name} has no text in the default language, {self.default_language}")
            if template.subjects and self.default_language not in template.subjects:
                raise ValueError(f"templates.{name} has no subject in the default language, {self.default_language}")
        return self

    @model_validator(mode="after")
    def _one_template_for_each_event(self) -> Self:
        events = [template.event for template in self.templates.values()]
        twice = sorted({event for event in events if events.count(event) > 1})
        if twice:
            raise ValueError(f"templates: {twice[0]} has more than one")
        return self

    def mailing(self, code: str) -> Mailing | None:
        """The mailing of a name."""
        return next((mailing for mailing in self.mailings if mailing.code == code), None)

    def template_on(self, event: str) -> str | None:
        """The name of the template that is told on an event; None where members aren't told."""
        return next((name for name, template in self.templates.items() if template.event == event), None)

    def may_email(self, template: str | None) -> bool:
        """Whether what a template says can be an email."""
        return self.email is not None and template is not None and bool(self.templates[template].subjects)

    def wait_seconds(self, attempt: int) -> float:
        """How long to wait after the failure of an attempt, which count from 1."""
        return float(min(self.first_wait_seconds * 2.0 ** min(attempt - 1, 60), self.longest_wait_seconds))


def placeholders(text: str) -> frozenset[str]:
    """The names in a template's text.

    Raises:
        ValueError: the braces don't match, or a placeholder is more than a plain name.
    """
    names: set[str] = set()
    for _, name, layout, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or layout or conversion:
            raise ValueError(f"{{{name}}} must be a plain name; a brace of the text itself is written twice")
        names.add(name)
    return frozenset(names)
