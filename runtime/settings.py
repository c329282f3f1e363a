"""Every setting there is, in one class; read once at the entry of a process and passed on."""

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DAY_SECONDS = 86_400


class Settings(BaseSettings):
    """Settings of any Punchcard process, from `PUNCHCARD_*` environment variables.

    Raises:
        pydantic.ValidationError: a setting breaks its rule; it names the field.
    """

    model_config = SettingsConfigDict(env_prefix="PUNCHCARD_", frozen=True, extra="ignore", secrets_dir=None)

    prefix: str = Field("punchcard", pattern=r"^[a-z][a-z0-9-]{0,40}$")
    """What names of topics, databases and consumer groups begin with; tests take one of their own."""

    kafka_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    kafka_replication: int = Field(1, ge=1)

    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=punchcard")
    mongo_ca_file: Path | None = None

    slot: int = Field(0, ge=0)
    """Which of a worker's fixed places this process fills (its Kafka `group.instance.id`)."""
    partitions: int = Field(2, ge=1)
    """Of each topic; on the local default every one costs every fetch a little."""
    lanes: int = Field(1, ge=1, le=16)
    """How many batches a process settles beside one another, each of partitions of its own; where there are cores."""
    batch_records: int = Field(500, ge=1, le=10_000)
    """Most records in one batch."""
    session_timeout_ms: int = Field(10_000, ge=1_000)
    rebalance_timeout_ms: int = Field(60_000, ge=1_000)

    retention_days: float = Field(7, gt=0)
    """How long topics keep records."""
    commands_kept_hours: float = Field(24, gt=0)
    """How long commands stay in their topic, where they lie in clear, and in any case until they are settled."""
    journal_days: float = Field(14, gt=0)
    """How long a finished message is remembered; must exceed the retention."""
    dead_letter_limit: int = Field(1_000, ge=1)
    """Dead letters within `dead_letter_window_seconds` at which a worker stops, if they are most of what it saw."""
    dead_letter_window_seconds: float = Field(60, gt=0)
    hops_limit: int = Field(16, ge=1)

    host: str = "127.0.0.1"
    health_port: int = Field(9100, ge=0, le=65_535)
    """Where a process answers `/live`, `/ready` and `/metrics`; 0 takes a free port."""
    gateway_port: int = Field(8080, ge=0, le=65_535)
    sms_port: int = Field(8025, ge=0, le=65_535)
    """Where the stand-in for an SMS provider listens."""
    sms_url: str = "http://127.0.0.1:8025"
    smtp_host: str | None = None
    """Who takes emails; without one none is sent."""
    smtp_port: int = Field(587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the way there is kept to oneself: asked for before anything is said, from the beginning, or not at all."""
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_ca_file: Path | None = None
    """Who vouches for that server, if not those whom the system trusts."""
    tickets_url: str | None = None
    """Where the ticket system is, `https://…`; without one no tickets are closed."""
    tickets_secret: SecretStr | None = None
    """What requests to the ticket system are signed with."""
    programme_file: Path = Path("programme.yaml")
    keys_file: Path = Path(".punchcard/keys.yaml")
    """API keys of the gateway, hashed, each with its scopes."""
    secret: SecretStr | None = Field(None, min_length=32)
    """What codes and seals are derived from: one secret for all workers and doors; never a default."""
    secret_file: Path = Path(".punchcard/secret")
    """Where it stands, if `PUNCHCARD_SECRET` doesn't give it; `punchcard secret --create` makes one."""
    api_key: SecretStr | None = None
    """Who sends a file of adjustments: a key of that file."""
    state_dir: Path = Path(".punchcard")
    """Where the local default keeps its servers' files and logs."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    tracing_endpoint: str | None = None
    """OTLP address; tracing is off without it."""

    @model_validator(mode="after")
    def _journal_outlives_the_topics(self) -> Self:
        if self.journal_days <= self.retention_days:
            raise ValueError(
                f"journal_days ({self.journal_days}) must exceed retention_days ({self.retention_days}): "
                "a record that is still in its topic must still be in the journal"
            )
        return self

    @model_validator(mode="after")
    def _tickets_are_signed(self) -> Self:
        if self.tickets_url is not None and self.tickets_secret is None:
            raise ValueError("tickets_url needs tickets_secret: the ticket system has to know who asks")
        return self

    @model_validator(mode="after")
    def _mail_password_is_kept_to_oneself(self) -> Self:
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("smtp_user and smtp_password go together")
        if self.smtp_password is not None and self.smtp_security == "none":
            raise ValueError("smtp_password needs smtp_security: it would go over the line for everybody to read")
        return self

    @cached_property
    def journal_seconds(self) -> float:
        """How long the journal remembers, in seconds."""
        return self.journal_days * DAY_SECONDS

    def database(self, worker: str) -> str:
        """Name of the MongoDB database that `worker` owns."""
        return f"{self.prefix}_{worker}"

    def group(self, worker: str) -> str:
        """Name of the Kafka consumer group of `worker`."""
        return f"{self.prefix}.{worker}"
