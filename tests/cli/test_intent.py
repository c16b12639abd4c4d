"""Declaring from CI: one intent however often it is sent, and an exit code that says what became of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.cli.declaring import Bridge, declare, wait_until_final
from bridge.errors import Refused, Unavailable
from tests.cli.conftest import CommandLine

IMAGE = "ghcr.io/acme/shop:v2"
Answers = list[tuple[int, dict[str, Any]]]
INTENT = {
    "id": "i1",
    "state": "declared",
    "final": False,
    "environment": "production",
    "service": "shop",
    "artifacts": [],
}


class QuickClock:
    """Time that passes only by sleeping, at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        raise AssertionError("a declaration needs no wall clock")

    def monotonic(self) -> float:
        return self.passed

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError(when)

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def scripted(answers: Answers, heard: list[web.Request]) -> AsyncIterator[Bridge]:
    """A bridge that gives these answers in turn, the last one for ever."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        heard.append(request)
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session:
            yield Bridge(session, f"http://127.0.0.1:{port}", QuickClock(), lambda _text: None)
    finally:
        await runner.cleanup()


async def test_a_busy_bridge_is_asked_again_with_the_same_key() -> None:
    heard: list[web.Request] = []
    busy = {"detail": "the same key is in flight"}
    async with scripted([(409, busy), (503, busy), (201, INTENT)], heard) as bridge:
        answer = await declare(bridge, {"service": "shop"}, "key-1")
    assert answer == INTENT
    assert [request.headers["Idempotency-Key"] for request in heard] == ['"key-1"'] * 3


async def test_a_bridge_that_stays_busy_is_given_up_within_its_bound() -> None:
    heard: list[web.Request] = []
    async with scripted([(503, {"detail": "full"})], heard) as bridge:
        with pytest.raises(Unavailable, match="answered 503: full"):
            await declare(bridge, {}, "key")
        assert bridge.clock.monotonic() <= timedelta(minutes=1).total_seconds()
    assert 3 < len(heard) < 30


async def test_a_refused_declaration_is_not_sent_again() -> None:
    heard: list[web.Request] = []
    async with scripted([(422, {"detail": "the key was used with another body"})], heard) as bridge:
        with pytest.raises(Refused, match="answered 422: the key was used with another body"):
            await declare(bridge, {}, "key")
    assert len(heard) == 1


async def test_waiting_outlives_a_restart_of_the_bridge() -> None:
    heard: list[web.Request] = []
    done = INTENT | {"state": "succeeded", "final": True}
    async with scripted([(200, INTENT), (503, {}), (200, done)], heard) as bridge:
        answer = await wait_until_final(bridge, INTENT, 60)
    assert answer["state"] == "succeeded"
    assert len(heard) == 3


@pytest.fixture
def reported(daemon: str) -> Callable[..., None]:
    """POSTs an observation to the daemon."""

    async def post(image: str, phase: str) -> None:
        body = {"service": "shop", "environment": "production", "artifacts": [image], "phase": phase}
        url = f"{daemon}/api/v1/observations"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            assert answer.ok, await answer.text()

    return lambda image, phase="live": asyncio.run(post(image, phase))


@pytest.fixture
def soon() -> Iterator[Callable[..., None]]:
    """Does something on another thread once the intent stands, and is done before the test ends."""
    threads: list[threading.Thread] = []

    def start(act: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=act))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(20)


def test_a_declaration_without_waiting_ends_with_0(command_line: CommandLine, daemon: str) -> None:
    ended = command_line(
        "intent", "shop", "production", IMAGE, "--url", daemon, "--label", "team=web", "--reason", "hotfix"
    )
    assert ended.code == 0
    assert "production/shop: shop:v2" in ended.out
    (event,) = command_line("events", "--url", daemon, "--kind", "intent.declared", "--format", "json").json["events"]
    assert event["details"]["labels"] == {"team": "web"}
    assert event["details"]["reason"] == "hotfix"


def test_within_one_ci_run_the_same_declaration_is_one_intent(
    command_line: CommandLine, daemon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_ACTOR": "ana"}.items():
        monkeypatch.setenv(name, value)
    first, second = (
        command_line("intent", "shop", "production", IMAGE, "--url", daemon, "--format", "json").json for _ in range(2)
    )
    assert first["id"] == second["id"]
    (event,) = command_line("events", "--url", daemon, "--kind", "intent.declared", "--format", "json").json["events"]
    assert event["actor"] == "ana"
    assert event["details"]["pipeline"]["run_id"] == "77"


def test_the_same_key_with_another_body_ends_with_2(command_line: CommandLine, daemon: str) -> None:
    assert command_line("intent", "shop", "production", IMAGE, "--url", daemon, "--idempotency-key", "k").code == 0
    ended = command_line("intent", "cart", "production", IMAGE, "--url", daemon, "--idempotency-key", "k")
    assert ended.code == 2
    assert "422" in ended.err


def test_waiting_for_what_succeeds_ends_with_0(
    command_line: CommandLine, daemon: str, reported: Callable[..., None], soon: Callable[..., None]
) -> None:
    reported("ghcr.io/acme/shop:v1")
    intent = command_line(
        "intent", "shop", "production", IMAGE, "--url", daemon, "--idempotency-key", "k", "--format", "json"
    ).json
    soon(lambda: reported(IMAGE))
    ended = command_line(
        "intent", "shop", "production", IMAGE, "--url", daemon, "--idempotency-key", "k", "--wait", "20s"
    )
    assert ended.code == 0
    assert intent["id"] in ended.out
    assert "succeeded after" in ended.out


def test_waiting_for_what_fails_ends_with_1_and_says_so(
    command_line: CommandLine, daemon: str, reported: Callable[..., None]
) -> None:
    reported("ghcr.io/acme/shop:v1")
    key = ("--url", daemon, "--idempotency-key", "k")
    assert command_line("intent", "shop", "production", IMAGE, *key).code == 0
    reported(IMAGE, "failed")
    ended = command_line("intent", "shop", "production", IMAGE, *key, "--wait", "20s", "--format", "json")
    assert ended.code == 1
    assert json.loads(ended.out)["state"] == "failed"
    assert "failed: " in ended.err


def test_waiting_in_vain_ends_with_1_and_says_where_it_stands(command_line: CommandLine, daemon: str) -> None:
    ended = command_line("intent", "shop", "production", IMAGE, "--url", daemon, "--wait", "50ms")
    assert ended.code == 1
    assert "not finished after 0.1s: the intent is unobserved" in ended.err
