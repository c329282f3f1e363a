"""What tests of the doors share."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from contracts.messages import ActorKind
from contracts.programme import Programme
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from services.gateway.scopes import DEFAULT_SCOPES, FROM_FORM, NAMED
from tests.decisions import VAULT
from tests.services.gateway import Door, FakeEdge, FakeLibrary


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    file = tmp_path / "keys.yaml"
    kinds = {"desk": ActorKind.OPERATOR, "till": ActorKind.POS, "other-till": ActorKind.POS, "wallet": ActorKind.WALLET}
    kinds["forms"] = ActorKind.OPERATOR
    scopes = {
        "desk": (DEFAULT_SCOPES[ActorKind.OPERATOR] | NAMED) - {FROM_FORM},
        "forms": DEFAULT_SCOPES[ActorKind.OPERATOR] | NAMED,
    }
    made = {name: create_key(file, name, kind, scopes.get(name)) for name, kind in kinds.items()}
    keys = {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}
    edge, library = FakeEdge(), FakeLibrary(vault=VAULT)
    programme = Programme.read(Path("programme.yaml"))
    app = create_app(edge, library, Keys(file), programme, VAULT)  # type: ignore[arg-type]  # stands for a Library
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Door(edge, library, app, client, keys)
