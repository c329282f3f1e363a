"""The loyalty programme: what `programme.yaml` may say, and its switches, one section per worker."""

from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator


class Programme(BaseModel):
    """A loyalty programme, read once at the start of a process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    time_zone: str
    languages: tuple[str, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("is not a time zone of the IANA database") from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The programme's time zone."""
        return ZoneInfo(self.time_zone)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The programme in a YAML file.

        Raises:
            OSError: the file can't be read.
            pydantic.ValidationError: it breaks a rule; names the field.
        """
        return cls.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
