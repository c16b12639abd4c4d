"""From a Git host's hint to the event in the log: real pushes to a local server, real signed webhooks, the log followed live."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import daemon

_SECRET = "bench"  # noqa: S105 - of this measurement only
_TAG = Path("tags/production/shop")
_SOURCE = """\
sources:
  - kind: git
    name: infra
    url: {url}/infra.git
    branch: main
    poll_interval: 24h
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
hooks:
  - {{kind: github, name: pushes, secrets: [{{file: secret}}]}}
"""


def run(work: Path, pushes: int) -> None:
    """Print the median, the 99th percentile and the longest time, and what git alone takes to fetch such a landing."""
    folder = work / "hints"
    shutil.rmtree(folder, ignore_errors=True)
    clone, other = folder / "clone", folder / "other"
    _git(work, "init", "-q", "--bare", "-b", "main", str(folder / "git" / "infra.git"))
    _git(work, "init", "-q", "-b", "main", str(clone))
    _git(clone, "remote", "add", "origin", str(folder / "git" / "infra.git"))
    _push(clone, 0)
    (folder / "secret").write_text(_SECRET)
    server = [sys.executable, "-m", "benchmarks.git_server", str(folder / "git")]
    with daemon.running(server, cwd=Path(__file__).parents[1]) as url:
        _git(folder, "clone", "-q", f"{url}/infra.git", str(other))
        config = daemon.config(folder, _SOURCE.format(url=url))
        with daemon.running(daemon.bridge(config), cwd=folder) as bridge:
            taken, yardstick = [], []
            following = _follow(bridge)
            _until(following, "v0")
            for number in range(1, pushes + 1):
                _push(clone, number)
                began = time.perf_counter()
                _announce(bridge, f"{url}/infra.git")
                _until(following, f"v{number}")
                taken.append(time.perf_counter() - began)
                if number % 25 == 0:
                    began = time.perf_counter()
                    _git(other, "fetch", "-q")
                    yardstick.append(time.perf_counter() - began)
    taken.sort()
    print(f"from the hint to the event in the log, {pushes} pushes to a local server over HTTP")
    print(f"  yardstick: git fetch of such a landing: median {1000 * sorted(yardstick)[len(yardstick) // 2]:.1f} ms")
    print(
        f"  deploybridge: median {1000 * taken[len(taken) // 2]:.1f} ms, "
        f"p99 {1000 * taken[max(0, len(taken) * 99 // 100 - 1)]:.1f} ms, longest {1000 * taken[-1]:.1f} ms"
    )


def _git(cwd: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Robot", "-c", "user.email=robot@example.org", "-c", "gc.auto=0")
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True)


def _push(clone: Path, number: int) -> None:
    file = clone / _TAG
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"tag: v{number}\n")
    _git(clone, "add", "-A")
    _git(clone, "commit", "-q", "-m", f"Bump shop to v{number}")
    _git(clone, "push", "-q", "origin", "main")


def _announce(bridge: str, repository: str) -> None:
    body = json.dumps(
        {"ref": "refs/heads/main", "after": "0" * 39 + "1", "repository": {"clone_url": repository}}
    ).encode()
    signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    connection = http.client.HTTPConnection(urlsplit(bridge).netloc)
    connection.request("POST", "/api/v1/hooks/pushes", body, headers)
    answer = connection.getresponse()
    if answer.status != 202:  # noqa: PLR2004 - Accepted
        raise RuntimeError(answer.read())
    connection.close()


def _follow(bridge: str) -> Iterator[dict[str, object]]:
    connection = http.client.HTTPConnection(urlsplit(bridge).netloc)
    connection.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream"})
    for line in connection.getresponse():
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


def _until(following: Iterator[dict[str, object]], tag: str) -> None:
    for event in following:
        if event["kind"] == "intent.declared" and f'"{tag}"' in json.dumps(event["artifacts"]):
            return
