"""The local default: servers that start, keep what they were given, and fail with one clear line."""

from runtime.settings import Settings
from tests.servers import Servers


def test_servers(servers: Servers, settings: Settings) -> None:
    assert servers.kafka_servers == settings.kafka_servers
