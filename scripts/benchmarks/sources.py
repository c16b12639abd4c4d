"""Many repositories in one daemon: what an idle poll costs against ``git ls-remote`` of the same server, and the memory."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks import daemon

_POLL = 5  # seconds; short, so that there is much to measure
_SOURCE = """\
  - kind: git
    name: infra-{number}
    url: {url}/{number}.git
    poll_interval: {poll}s
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def run(work: Path, count: int, seconds: int) -> None:
    """Print CPU seconds a poll, memory and threads, for sources on a server and for sources in directories."""
    folder = work / "sources"
    shutil.rmtree(folder, ignore_errors=True)
    repositories = folder / "git"
    _make(repositories, count)
    print(f"{count} idle sources in one daemon, each polled every {_POLL} s, {seconds} s")
    server = [sys.executable, "-m", "benchmarks.git_server", str(repositories)]
    with daemon.running(server, cwd=Path(__file__).parents[1]) as url:
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = 100
        for number in range(times):
            address = f"{url}/{number % count}.git"
            subprocess.run(["git", "ls-remote", address, "refs/heads/main"], check=True, capture_output=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        yardstick = (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / times
        print(f"  yardstick: git ls-remote: {1000 * yardstick:.2f} ms of CPU")
        measured = _measure(folder / "served", url, count, seconds, served=f"{url}/served")
        print(f"  over HTTP: {1000 * measured:.2f} ms of CPU a poll, {measured / yardstick:.3f} of it")
    measured = _measure(folder / "local", str(repositories), count, seconds, served=None)
    print(
        f"  in directories: {1000 * measured:.2f} ms of CPU a poll, watching included, {measured / yardstick:.3f} of it"
    )


def _make(repositories: Path, count: int) -> None:
    first = repositories / "0.git"
    first.mkdir(parents=True)
    stream = b"commit refs/heads/main\ncommitter R <r@example.org> 1700000000 +0000\ndata 2\nA\n"
    for service in range(20):
        stream += f"M 100644 inline tags/production/service-{service}\ndata 8\ntag: v1\n\n".encode()
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main"], cwd=first, check=True)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=first, check=True, input=stream)
    for number in range(1, count):
        shutil.copytree(first, repositories / f"{number}.git")


def _measure(folder: Path, url: str, count: int, seconds: int, *, served: str | None) -> float:
    folder.mkdir()
    text = "".join(_SOURCE.format(number=number, url=url, poll=_POLL) for number in range(count))
    config = daemon.config(folder, "sources:\n" + text)
    with daemon.process_of(daemon.bridge(config), cwd=folder) as (process, bridge):
        began = time.perf_counter()
        while _succeeded(bridge) < count:
            time.sleep(0.2)
        ready = time.perf_counter() - began
        time.sleep(_POLL)  # the first polls are through, and spread
        cpu, polls, began = _cpu(process.pid), _number(served), time.perf_counter()
        time.sleep(seconds)
        cpu = _cpu(process.pid) - cpu
        polls = _number(served) - polls if served else round((time.perf_counter() - began) / _POLL * count)
        status = Path(f"/proc/{process.pid}/status").read_text()
        facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        print(
            f"  read for the first time within {ready:.1f} s; then {int(facts['VmRSS'].split()[0]) / 1024:.0f} MB, "
            f"{facts['Threads'].strip()} threads, {files} open files, {polls} polls in {seconds} s"
        )
    return cpu / max(polls, 1)


def _succeeded(bridge: str) -> int:
    with urllib.request.urlopen(f"{bridge}/metrics") as answer:  # noqa: S310 - our own server on loopback
        return sum(line.startswith(b"deploybridge_source_up{") and line.endswith(b"1.0\n") for line in answer)


def _number(url: str | None) -> int:
    if url is None:
        return 0
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - as above
        return int(answer.read())


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
