"""Durable ``POST /intents`` against an empty JSON POST handler on the same server, under the same load."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import daemon, empty_server

_CONNECTIONS, _THREADS, _RUNS = 32, 2, 3
_EMPTY = [sys.executable, "-m", "benchmarks.empty_server"]
# Each request is another intent: its own key, one of 200 targets, a new tag.
_LUA = """
local thread_count = 0
function setup(thread) thread:set("id", thread_count); thread_count = thread_count + 1 end
local count = 0
local headers = {["Content-Type"] = "application/json"}
function request()
  count = count + 1
  headers["Idempotency-Key"] = string.format('"%d-%d"', id, count)
  local body = string.format(
    '{"service":"service-%d","environment":"production","artifacts":["ghcr.io/acme/shop:v%d-%d"],' ..
    '"pipeline":{"name":"build","run_id":"%d"}}', count % 200, id, count, count)
  return wrk.format("POST", PATH, headers, body)
end
"""


def run(work: Path, seconds: int) -> None:
    """Print requests/s and p99 of the best of three runs each, and their ratios to the yardstick's.

    The yardstick is an empty call on the bridge's own server, behind all that every call has; the HTTP library alone is
    printed beside it. The runs take turns, for the machine may be busy with something else.
    """
    if shutil.which("wrk") is None:
        print("wrk is not installed (Debian: apt install wrk): skipped")
        return
    folder = work / "intents"
    measured: dict[str, tuple[float, float]] = {}
    for _ in range(_RUNS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        loads = {
            "bare": _load([*_EMPTY, "bare"], empty_server.PATH, folder, seconds),
            "empty": _load([*_EMPTY, "bridge"], empty_server.PATH, folder, seconds),
            "ours": _load(daemon.bridge(daemon.config(folder, "mode: api\n")), "/api/v1/intents", folder, seconds),
        }
        measured = {name: max(measured.get(name, (0.0, 0.0)), load) for name, load in loads.items()}
    (bare, bare_p99), (empty, empty_p99), (rate, p99) = measured["bare"], measured["empty"], measured["ours"]
    print(f"POST /api/v1/intents, durable, wrk with {_CONNECTIONS} connections, best of {_RUNS} x {seconds} s")
    print(f"  the HTTP library alone: {bare:.0f} requests/s, p99 {bare_p99:.2f} ms")
    print(f"  yardstick: empty JSON POST handler, same server: {empty:.0f} requests/s, p99 {empty_p99:.2f} ms")
    print(f"  deploybridge: {rate:.0f} requests/s, {rate / empty:.2f} of it; p99 {p99:.2f} ms, {p99 / empty_p99:.2f}x")


def _load(command: list[str], path: str, folder: Path, seconds: int) -> tuple[float, float]:
    script = folder / "load.lua"
    script.write_text(_LUA.replace("PATH", f'"{path}"'))
    cwd = Path(__file__).parents[1]
    with daemon.running(command, cwd=cwd) as url:
        load = ["wrk", f"-c{_CONNECTIONS}", f"-t{_THREADS}", f"-d{seconds}s", "--latency", "-s", str(script), url]
        printed = subprocess.run(load, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(printed)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", printed)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", printed)
    assert rate is not None
    assert p99 is not None
    return float(rate[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]
