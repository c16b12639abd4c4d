"""Plants secrets wherever the daemon is given one, provokes every kind of trouble with them, and reads all that it leaves."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import aiohttp
import pytest

from tests.support.git_http import serve_git
from tests.support.git_repos import GitRepo
from tests.support.process import Daemon, daemon

LIMIT = 60.0  # seconds for any wait; it takes a few on an idle machine
SECRET = "pl4nted"  # a part of every secret below
TOKEN, STRANGER, PASSWORD, WRONG = (f"{SECRET}-{word}-7c1e09" for word in ("token", "stranger", "password", "wrong"))
CONFIG = """\
data_dir: data
listen: 127.0.0.1:0
log: {{format: json, level: debug}}
tokens:
  - {{name: ci, hash: "sha256:{digest}", scopes: [read, "intents:write production/*"]}}
sources:
  - kind: git
    name: infra
    url: {good}/infra/.git
    poll_interval: 1s
    credentials: {{username: bot, password: {{file: ./password}}}}
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
  - kind: git
    name: refused
    url: {good}/infra/.git
    poll_interval: 1s
    credentials: {{username: bot, password: {{env: PLANTED_PASSWORD}}}}
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
  - kind: git
    name: broken
    url: {broken}/infra/.git
    poll_interval: 1s
    credentials: {{username: bot, password: {{file: ./password}}}}
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
hooks:
  - {{kind: gitlab, name: lab, secrets: [{{file: ./password}}, {{env: PLANTED_PASSWORD}}]}}
"""
INTENT = '{"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v1"]}'


async def test_no_secret_reaches_the_log_of_events_the_log_of_the_daemon_an_answer_or_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_PASSWORD", WRONG)
    GitRepo(tmp_path / "git" / "infra").commit({"tags/production/shop": "tag: v1\n"})
    folder = tmp_path / "bridge"
    folder.mkdir()
    (folder / "password").write_text(PASSWORD)
    config = folder / "deploybridge.yaml"
    async with (
        asyncio.timeout(LIMIT),
        serve_git(tmp_path / "git", username="bot", password=PASSWORD) as good,
        serve_git(tmp_path / "git", status=500) as broken,
    ):
        text = CONFIG.format(digest=hashlib.sha256(TOKEN.encode()).hexdigest(), good=good, broken=broken)
        config.write_text(text)
        async with daemon(config) as running:
            answers = await provoke(running)
            config.write_text(text.replace(good, good.replace("://", f"://bot:{PASSWORD}@"), 1))
            await running.said("config_refused")
            answers += await read_all(running)
            running.process.terminate()
            assert await running.ended() == 0
            said = "".join(running.lines)
    kept = b"".join(file.read_bytes() for file in (folder / "data").rglob("*") if file.is_file())
    assert '"intent.declared"' in answers, "the good source was read, so its password was used"
    assert '"source.lost"' in answers, "the others failed, so theirs was"
    assert SECRET not in said
    assert SECRET not in answers
    assert SECRET.encode() not in kept


async def provoke(running: Daemon) -> str:
    """Call rightly, wrongly and malformed; return all answers."""
    answers = []
    statuses: list[int] = []
    async with aiohttp.ClientSession(running.url) as http:
        for secret, body in ((TOKEN, INTENT), (STRANGER, INTENT), (TOKEN, "{"), (TOKEN, INTENT.replace("prod", "pre"))):
            headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
            async with http.post("/api/v1/intents", data=body, headers=headers) as answer:
                answers.append(f"{answer.headers}{await answer.text()}")
        push = f'{{"ref": "refs/heads/main", "project": {{"git_http_url": "https://bot:{STRANGER}@git.example.org/x?k={STRANGER}"}}}}'
        for secret, body in ((PASSWORD, push), (WRONG, "{"), (STRANGER, push)):
            headers = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Push Hook", "Content-Type": "application/json"}
            async with http.post("/api/v1/hooks/lab", data=body, headers=headers) as answer:
                answers.append(f"{answer.headers}{await answer.text()}")
                statuses.append(answer.status)
        assert statuses == [202, 400, 401]
        lost = http.get("/api/v1/events?kind=source.lost&after=0", headers=bearer() | {"Accept": "text/event-stream"})
        async with lost as stream:  # both sources that fail
            names: set[str] = set()
            while not {'"refused"', '"broken"'} <= names:
                line = (await stream.content.readline()).decode()
                names |= {name for name in ('"refused"', '"broken"') if name in line}
    host, _, port = running.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /api/v1/state HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {STRANGER}\r\n\r\n".encode())
    assert b" 400 " in await reader.readline()  # the rest of it is the sender's own words
    writer.close()
    return "".join(answers)


async def read_all(running: Daemon) -> str:
    """Everything that can be read."""
    paths = ("/api/v1/export", "/api/v1/export?format=csv", "/api/v1/state", "/api/v1/compare", "/readyz", "/metrics")
    async with aiohttp.ClientSession(running.url, headers=bearer()) as http:
        texts = []
        for path in (*paths, "/openapi.json", "/"):
            async with http.get(path) as answer:
                assert answer.status == 200, path
                texts.append(await answer.text())
    return "".join(texts)


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}
