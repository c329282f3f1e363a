"""What tests of the doors share."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from contracts.messages import ActorKind
from contracts.programme import Programme
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from tests.services.gateway import Door, FakeEdge, FakeLibrary


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    file = tmp_path / "keys.yaml"
    kinds = {"desk": ActorKind.OPERATOR, "till": ActorKind.POS, "other-till": ActorKind.POS, "wallet": ActorKind.WALLET}
    keys = {name: {"Authorization": f"Bearer {create_key(file, name, kind)}"} for name, kind in kinds.items()}
    edge, library = FakeEdge(), FakeLibrary()
    app = create_app(edge, library, Keys(file), Programme.read(Path("programme.yaml")))  # type: ignore[arg-type]  # stands for a Library
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Door(edge, library, app, client, keys)
