from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from bridge.api.app import build_app
from tests.support.fake_bridge import FakeBridge


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
async def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
async def client(bridge: FakeBridge) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(build_app(bridge.wiring()))) as opened:
        yield opened
