"""compose.yaml is right where no Docker can say so: its form, its settings, its commands, what waits for what."""

from pathlib import Path
from typing import Any

import compose_spec
import pytest
import typer
import yaml

from contracts.messages import WORKERS
from runtime.settings import Settings
from services.cli.commands import app

FILE = Path(__file__).parents[1] / "compose.yaml"
TREE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = TREE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "punchcard:local"}


def test_is_a_compose_file_by_the_specification() -> None:
    file = compose_spec.PyCompose.from_yaml(yaml.safe_dump(TREE))  # with its anchors and merges resolved
    file.validate()

    assert set(file.service_names()) == set(SERVICES)


def test_a_word_that_compose_does_not_know_is_noticed() -> None:
    broken = {**TREE, "services": {**SERVICES, "gateway": {**SERVICES["gateway"], "comand": ["gateway"]}}}

    with pytest.raises(ValueError, match="comand"):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(broken))


def test_runs_every_worker_once_and_the_doors() -> None:
    started = [service["command"] for service in OURS.values()]

    assert [command[1] for command in started if command[0] == "worker"] == list(WORKERS)
    assert [command for command in started if command[0] != "worker"] == [
        ["topics", "--create"],
        ["secret", "--create"],
        ["gateway"],
        ["sms-standin"],
    ]


@pytest.mark.parametrize("name", OURS)
def test_starts_with_a_command_that_exists(name: str) -> None:
    root = typer.main.get_command(app)
    command, *arguments = OURS[name]["command"]
    known = root.commands[command]  # type: ignore[attr-defined]

    known.make_context(command, list(arguments))


@pytest.mark.parametrize("name", OURS)
def test_sets_only_settings_that_exist(name: str) -> None:
    environment: dict[str, str] = OURS[name]["environment"]
    fields = {f"PUNCHCARD_{field.upper()}": field for field in Settings.model_fields}

    assert set(environment) <= set(fields)
    Settings.model_validate({fields[variable]: value for variable, value in environment.items()})


@pytest.mark.parametrize("name", SERVICES)
def test_has_a_health_check_unless_it_runs_once(name: str) -> None:
    service = SERVICES[name]

    assert ("healthcheck" in service) != (service["restart"] == "no")


@pytest.mark.parametrize("name", SERVICES)
def test_waits_only_for_what_is_there(name: str) -> None:
    needed: dict[str, dict[str, str]] = SERVICES[name].get("depends_on", {})

    for other, wait in needed.items():
        what = "healthcheck" if wait["condition"] == "service_healthy" else "command"
        assert what in SERVICES[other]


def test_mounts_only_volumes_that_are_declared() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}

    assert mounted == set(TREE["volumes"])


def test_pins_every_image() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]

    assert all(":" in image and not image.endswith(":latest") for image in images)
