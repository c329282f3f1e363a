"""Apache Kafka behind SASL_SSL, TLS alone and a login alone, and MongoDB behind TLS, for the tests of connections."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from runtime.local import free_port
from runtime.local.child import Child
from runtime.local.database import database_child, initiate, mongo_url
from runtime.settings import Settings
from tests.security.certificates import Authority
from tests.security.scan import KAFKA_PASSWORD

HOST: Final = "127.0.0.1"
APACHE: Final = Path(__file__).parents[2] / ".ci" / "apache-kafka"
USER: Final = "punchcard"
PASSWORD: Final = KAFKA_PASSWORD
START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Secured:
    """Where the servers are, and whom to trust."""

    kafka_port: int
    tls_port: int
    """TLS alone: whoever trusts the broker is let in."""
    login_port: int
    """A login alone, in clear."""
    mongo_port: int
    authority: Authority
    stranger: Authority
    """An authority that vouches for nobody here."""

    def settings(self, folder: Path, **changes: Any) -> Settings:
        """Settings with which a process connects."""
        right = {
            "prefix": "secured",
            "kafka_servers": f"{HOST}:{self.kafka_port}",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": USER,
            "kafka_password": PASSWORD,
            "kafka_ca_file": self.authority.file,
            "mongo_url": mongo_url(HOST, self.mongo_port),
            "mongo_ca_file": self.authority.file,
            "keys_file": folder / "keys.yaml",
            "state_dir": folder,
            "health_port": free_port(HOST),
        }
        return Settings(**{**right, **changes})


def why_not() -> str | None:
    """Why Apache Kafka can't be had here; None if it can."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return "Java or Maven is missing"
    asked = subprocess.run([str(APACHE), "available"], capture_output=True, text=True, check=False)
    return asked.stderr.strip()[-200:] or "Kafka's jars can't be had" if asked.returncode else None


@contextmanager
def secured_servers(folder: Path) -> Iterator[Secured]:
    """Both servers, up; ended afterwards."""
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    pem = authority.server(HOST)
    found = Secured(free_port(HOST), free_port(HOST), free_port(HOST), free_port(HOST), authority, stranger)
    database = _database(folder, found.mongo_port, pem, authority.file)
    plain = free_port(HOST)
    properties = folder / "secured.properties"
    properties.write_text(_properties(plain, found, pem), encoding="utf-8")
    scram = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
    arguments = [part for each in scram for part in ("--add-scram", each)]
    try:
        command = [str(APACHE), "start", str(folder / "kafka"), str(plain), str(properties), *arguments]
        started = subprocess.run(command, capture_output=True, text=True, check=False)
        assert started.returncode == 0, started.stderr
        _until_primary(found.mongo_port)
        _require_tls(found.mongo_port)
        yield found
    finally:
        subprocess.run([str(APACHE), "kill", str(folder / "kafka")], capture_output=True, check=False)
        database.stop()


def _properties(plain: int, ports: Secured, pem: Path) -> str:
    """The broker speaks to itself without TLS; everybody else comes in by SASL_SSL, by TLS alone or a login alone."""
    login = "org.apache.kafka.common.security"
    ways = f"SECURED://{HOST}:{ports.kafka_port},TLS://{HOST}:{ports.tls_port},LOGIN://{HOST}:{ports.login_port}"
    return f"""
listeners=PLAINTEXT://{HOST}:{plain},CONTROLLER://{HOST}:@CONTROLLER@,{ways}
advertised.listeners=PLAINTEXT://{HOST}:{plain},{ways}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL,TLS:SSL,LOGIN:SASL_PLAINTEXT
listener.name.secured.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secured.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
listener.name.secured.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.secured.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.login.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={pem}
ssl.truststore.type=PEM
ssl.truststore.location={ports.authority.file}
"""


def _database(folder: Path, port: int, pem: Path, ca: Path) -> Child:
    local = database_child(folder, HOST, port)
    tls = ("--tlsMode", "preferTLS", "--tlsCertificateKeyFile", str(pem), "--tlsCAFile", str(ca))
    child = Child("database", [*local.command, *tls, "--tlsAllowConnectionsWithoutCertificates"], local.log)
    child.start()
    return child


def _until_primary(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while not initiate(HOST, port):
        assert time.monotonic() < end, "MongoDB did not become primary"
        time.sleep(0.2)


def _require_tls(port: int) -> None:
    """From now on nobody comes in without."""
    with MongoClient[dict[str, Any]](HOST, port, directConnection=True) as client:
        client.admin.command("setParameter", 1, tlsMode="requireTLS")
