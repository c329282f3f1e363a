"""`punchcard up`: everything on this machine, in the order in which it has to start."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from contracts.messages import WORKERS
from runtime.admin import create_topics
from runtime.local import LocalError, Role, Stage, Supervisor, free_port
from runtime.local.broker import broker_answers, broker_child
from runtime.local.child import answers
from runtime.local.database import database_child, initiate, mongo_url
from runtime.local.servers import check_disk, check_port, lock_state
from runtime.local.supervisor import http_is_ready
from runtime.settings import Settings
from runtime.vault import ensure_secret
from services.gateway.keys import DEMO_FILE, KeysError, ensure_demo_keys

BROKER, DATABASE = "broker", "database"


def run_everything(settings: Settings, say: Callable[[str], None]) -> None:
    """Starts servers, workers and doors, says `ready` when each of them answers, and stops them in order when asked to.

    Raises:
        LocalError: something can't start; the text says what, and what helps.
    """
    with closing(lock_state(settings.state_dir)):
        check_disk(settings.state_dir)
        ports = _Ports(settings)
        servers, environment = _servers(settings, say)
        environment["PUNCHCARD_SMS_URL"] = ports.sms_url(settings)
        _make_keys(settings)
        stages = [
            Stage(servers, afterwards=lambda: _create_topics(settings)),
            Stage(tuple(_worker(name, ports, environment) for name in WORKERS)),
            Stage(_doors(ports, environment)),
        ]
        supervisor = Supervisor(stages, settings.state_dir / "logs", say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.ask_to_stop())
        supervisor.run(on_ready=lambda: _announce(settings, ports, say))
        say("stopped")


class _Ports:
    """Where everybody listens; checked before anything starts."""

    def __init__(self, settings: Settings) -> None:
        self.host = settings.host
        self.gateway = self._take(settings.gateway_port, "gateway", "PUNCHCARD_GATEWAY_PORT")
        self.sms = self._take(settings.sms_port, "SMS stand-in", "PUNCHCARD_SMS_PORT")
        base = settings.health_port
        self.health = {
            name: self._take(base and base + place, f"health of {name}", "PUNCHCARD_HEALTH_PORT")
            for place, name in enumerate(WORKERS)
        }

    def sms_url(self, settings: Settings) -> str:
        """Where texts are sent: to the provider that the settings name, else to the stand-in that is started here."""
        return settings.sms_url if "sms_url" in settings.model_fields_set else f"http://{self.host}:{self.sms}"

    def _take(self, port: int, what: str, setting: str) -> int:
        if port == 0:
            return free_port(self.host)
        check_port(self.host, port, what, setting)
        return port


def _servers(settings: Settings, say: Callable[[str], None]) -> tuple[tuple[Role, ...], dict[str, str]]:
    """The servers that have to be started here, and how the others find them.

    One that is named in the settings and answers is used as it is; one on this machine that doesn't is started there.
    """
    roles: list[Role] = []
    host, port = _address(settings.kafka_servers.split(",", 1)[0], 9092)
    if "kafka_servers" in settings.model_fields_set and answers(host, port):
        say(f"using the Kafka broker at {settings.kafka_servers}")
    else:
        _check_ours(host, port, "Kafka", "PUNCHCARD_KAFKA_SERVERS")
        command = broker_child(settings.state_dir, host, port).command
        roles.append(Role(BROKER, command, lambda: broker_answers(host, port)))
    url = settings.mongo_url.get_secret_value()
    if "mongo_url" in settings.model_fields_set and _mongo_answers(url):
        say(f"using the MongoDB at {_address(urlsplit(url).netloc, 27017)[0]}")
    else:
        mongo_host, mongo_port = _address(urlsplit(url).netloc, 27017)
        _check_ours(mongo_host, mongo_port, "MongoDB", "PUNCHCARD_MONGO_URL")
        command = database_child(settings.state_dir, mongo_host, mongo_port).command
        roles.append(Role(DATABASE, command, lambda: initiate(mongo_host, mongo_port)))
        url = mongo_url(mongo_host, mongo_port)
    return tuple(roles), {"PUNCHCARD_MONGO_URL": url, "PUNCHCARD_KAFKA_SERVERS": settings.kafka_servers}


def _check_ours(host: str, port: int, what: str, setting: str) -> None:
    if host not in {"127.0.0.1", "localhost"}:
        raise LocalError(f"{what} at {host}:{port} ({setting}) does not answer")
    check_port(host, port, what, setting)


def _mongo_answers(url: str) -> bool:
    return any(answers(*_address(member, 27017)) for member in urlsplit(url).netloc.rpartition("@")[2].split(","))


def _address(text: str, default_port: int) -> tuple[str, int]:
    host, _, port = text.rpartition("@")[2].split(",", 1)[0].partition(":")
    return host, int(port) if port else default_port


def _role(name: str, arguments: tuple[str, ...], host: str, port: int, environment: Mapping[str, str]) -> Role:
    command = (sys.executable, "-m", "services.cli", *arguments)
    return Role(name, command, lambda: http_is_ready(host, port), environment, follows=frozenset({BROKER}))


def _worker(name: str, ports: _Ports, environment: Mapping[str, str]) -> Role:
    port = ports.health[name]
    return _role(name, ("worker", name), ports.host, port, {**environment, "PUNCHCARD_HEALTH_PORT": str(port)})


def _doors(ports: _Ports, environment: Mapping[str, str]) -> tuple[Role, ...]:
    own = {
        **environment,
        "PUNCHCARD_GATEWAY_PORT": str(ports.gateway),
        "PUNCHCARD_SMS_PORT": str(ports.sms),
    }
    return (
        _role("sms-standin", ("sms-standin",), ports.host, ports.sms, own),
        _role("gateway", ("gateway",), ports.host, ports.gateway, own),
    )


def _make_keys(settings: Settings) -> None:
    try:
        ensure_demo_keys(settings)
        if settings.secret is None:
            ensure_secret(settings.secret_file)
    except KeysError as error:
        raise LocalError(str(error)) from error
    except OSError as error:
        raise LocalError(f"{settings.secret_file} (PUNCHCARD_SECRET_FILE): {error.strerror}") from error


def _create_topics(settings: Settings) -> None:
    asyncio.run(create_topics(settings))


def _announce(settings: Settings, ports: _Ports, say: Callable[[str], None]) -> None:
    host = ports.host
    health = sorted(ports.health.values())
    say(f"gateway      http://{host}:{ports.gateway}  (docs: http://{host}:{ports.gateway}/docs)")
    say(f"SMS stand-in http://{host}:{ports.sms}")
    say(f"health       http://{host}:{health[0]}/ready and on to {health[-1]}, also /live and /metrics")
    say(f"Kafka        {settings.kafka_servers}")
    say(f"MongoDB      {urlsplit(settings.mongo_url.get_secret_value()).netloc.rpartition('@')[2]}")
    say(f"API keys     {_short(settings.state_dir / DEMO_FILE)}")
    say(f"logs         {_short(settings.state_dir / 'logs')}")
    say("ready")


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
