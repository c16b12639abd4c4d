"""What CD systems poll, for 500 targets, against an empty handler; and how soon a long poll tells of an intent."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from benchmarks import daemon, empty_server

_CONNECTIONS, _THREADS = 32, 2
_TARGETS = 500
_GET = 'wrk.method = "GET"\n'
_KNOWN = 'wrk.headers["If-None-Match"] = {etag!r}\n'
_PLUGIN = (
    'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
    'wrk.body = \'{"applicationSetName":"web","input":{"parameters":{"env":"production"}}}\'\n'
)
_TOKEN = 'wrk.headers["Authorization"] = "Bearer bench"\n'  # noqa: S105 - of a daemon that lives as long as the measurement
_CONFIG = (  # the token is "bench"
    "mode: api\ntokens: [{name: cd, scopes: [read, 'intents:write'], "
    "hash: sha256:1b32c28cb38c05480eccc1bd60ff97029b57a05c96718b96dad7e9d84894f549}]\n"
)


def run(work: Path, seconds: int, intents: int) -> None:
    """Print requests/s of each kind of answer, their ratios, and the quantiles of the long poll."""
    if shutil.which("wrk") is None:
        print("wrk is not installed (Debian: apt install wrk): skipped")
        return
    folder = work / "desired"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    cwd = Path(__file__).parents[1]
    print(f"answers for {_TARGETS} targets, with a token; wrk with {_CONNECTIONS} connections, {seconds} s each")
    with daemon.running([sys.executable, "-m", "benchmarks.empty_server", "bare"], cwd=cwd) as url:
        empty = _load(f"{url}{empty_server.PATH}", _GET, folder, seconds)
        print(f"  yardstick: empty GET handler of the HTTP library alone: {empty:.0f} requests/s")
    with daemon.running(daemon.bridge(daemon.config(folder, _CONFIG)), cwd=cwd) as url:
        etag, size = asyncio.run(_declare_all(url))
        desired, flux = (f"{url}/api/v1/{path}?environment=production" for path in ("desired", "flux/inputs"))
        for name, address, script in (
            ("desired, 304", desired, _GET + _KNOWN.format(etag=etag)),
            (f"desired, body of {size // 1024} KiB", desired, _GET),
            ("plugin generator, body", f"{url}/api/v1/getparams.execute", _PLUGIN),
            ("Flux inputs, body", flux, _GET),
        ):
            rate = _load(address, script + _TOKEN, folder, seconds)
            print(f"  {name}: {rate:.0f} requests/s, {rate / empty:.2f} of it")
        delays = sorted(asyncio.run(_delays(url, intents)))
    median, p99 = (delays[int(len(delays) * part)] * 1000 for part in (0.5, 0.99))
    print(f"  a long poll tells of an intent after its 201: median {median:.1f} ms, p99 {p99:.1f} ms of {intents}")


async def _declare_all(url: str) -> tuple[str, int]:
    async with _client() as http:
        for number in range(_TARGETS):
            await _declare(http, url, f"service-{number}", "v1")
        async with http.get(f"{url}/api/v1/desired?environment=production") as answer:
            return answer.headers["ETag"], len(await answer.read())


async def _delays(url: str, intents: int) -> list[float]:
    """Seconds from each 201 to the answer of the long poll that holds the intent; never below 0."""
    desired = f"{url}/api/v1/desired?environment=production&wait=30s"
    delays = []
    async with _client() as poller, _client() as pipeline:
        async with poller.get(desired) as answer:
            etag = answer.headers["ETag"]

        async def poll() -> tuple[float, str, bytes]:
            async with poller.get(desired, headers={"If-None-Match": etag}) as answer:
                body = await answer.read()
                return time.perf_counter(), answer.headers["ETag"], body

        for number in range(intents):
            waiting = asyncio.ensure_future(poll())
            await asyncio.sleep(0.01)  # so that the poll waits at the bridge
            intent_id = await _declare(pipeline, url, f"service-{number % _TARGETS}", f"v{number + 2}")
            declared = time.perf_counter()
            arrived, etag, body = await waiting
            assert intent_id.encode() in body
            delays.append(max(0.0, arrived - declared))
    return delays


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": "Bearer bench"})


async def _declare(http: aiohttp.ClientSession, url: str, service: str, tag: str) -> str:
    intent = {"service": service, "environment": "production", "artifacts": [f"ghcr.io/acme/{service}:{tag}"]}
    async with http.post(f"{url}/api/v1/intents", json=intent) as answer:
        answer.raise_for_status()
        return str(json.loads(await answer.read())["id"])


def _load(url: str, script: str, folder: Path, seconds: int) -> float:
    path = folder / "load.lua"
    path.write_text(script)
    load = ["wrk", f"-c{_CONNECTIONS}", f"-t{_THREADS}", f"-d{seconds}s", "-s", str(path), url]
    printed = subprocess.run(load, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(printed)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", printed)
    assert rate is not None
    return float(rate[1])
