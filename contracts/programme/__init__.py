"""The loyalty programme: what `programme.yaml` may say, and its switches, one section per worker."""

import re
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import yaml
from phonenumbers import SUPPORTED_REGIONS
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.codes import CodePurpose
from contracts.programme.cards import CardRules
from contracts.programme.notifications import NotificationRules
from contracts.programme.registration import RegistrationRules
from contracts.programme.rewards import RewardRules

_BOOLEAN = "tag:yaml.org,2002:bool"
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers

Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class InvalidProgramme(ValueError):
    """A programme file that breaks rules; one line for each, `field: rule`."""

    def __init__(self, file: Path, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join((f"{file} is not a valid programme:", *(f"  {problem}" for problem in problems))))
        self.problems = problems


class Programme(BaseModel):
    """A loyalty programme, read once at the start of a process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    time_zone: str
    languages: tuple[Language, ...] = Field(min_length=1)
    """The first is taken where nobody says which."""
    region: str | None = None
    """The country whose phone numbers are known without their country code, as ISO 3166 names it; none without it."""
    cards: CardRules
    registration: RegistrationRules
    rewards: RewardRules
    notifications: NotificationRules

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("is not a time zone of the IANA database") from None
        return name

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        if region is not None and region not in SUPPORTED_REGIONS:
            raise ValueError("is not a country of ISO 3166 in two capitals")
        return region

    @model_validator(mode="after")
    def _labels_in_every_language(self) -> Self:
        asked = [("registration", question) for question in self.registration.questions]
        asked += [(f"rewards.{survey.code}", each) for survey in self.rewards.surveys for each in survey.questions]
        for place, question in asked:
            missing = [language for language in self.languages if language not in question.label]
            if missing:
                raise ValueError(f"{place}.questions: {question.code} has no label in {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _codes_have_a_text(self) -> Self:
        event = f"CodeRequested.{CodePurpose.VERIFY_PHONE}"
        if self.registration.verifies and self.notifications.template_on(event) is None:
            raise ValueError(
                f"registration.channels: phones are verified, and no template of notifications is on {event}"
            )
        if self.registration.verifies and not self.registration.verifiers:
            raise ValueError("registration.verifiers: phones are verified, and nobody may do it")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The programme's time zone."""
        return ZoneInfo(self.time_zone)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The programme in a YAML file.

        Raises:
            OSError: the file can't be read.
            InvalidProgramme: it is no YAML or breaks rules; names every field and its rule.
        """
        try:
            tree = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader, see below
            return cls.model_validate(tree)
        except ValidationError as error:
            raise InvalidProgramme(file, _problems(error)) from None
        except (yaml.YAMLError, ValueError) as error:  # a day that no calendar has is a ValueError
            raise InvalidProgramme(file, (" ".join(str(error).split()),)) from None


class _Loader(yaml.SafeLoader):
    """Takes only true and false for booleans, as YAML 1.2 does, so that `on` and `no` (Norwegian) stay words.

    Refuses a name that stands twice in one mapping, of which YAML would keep the last without a word.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - typed and mutable in the class that it overrides
        first: [pair for pair in pairs if pair[0] != _BOOLEAN] for first, pairs in _RESOLVERS.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [str(key.value) for key, _ in node.value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"(?:true|false)\Z"), ["t", "f"])


def _problems(error: ValidationError) -> tuple[str, ...]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [".".join(str(part) for part in problem["loc"]) or "programme" for problem in found]
    rules = [problem["msg"].removeprefix("Value error, ") for problem in found]
    return tuple(f"{field}: {rule}" for field, rule in zip(fields, rules, strict=True))
