"""Runs the real daemon, and the yardstick server, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_URL = re.compile(r"http://[^\s\"',}]+")


@contextmanager
def running(command: list[str], *, cwd: Path) -> Iterator[str]:
    """Start a server that prints its URL on standard error, and give that URL; stop it at the end."""
    with process_of(command, cwd=cwd) as (_, url):
        yield url


@contextmanager
def process_of(command: list[str], *, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The same with the process. What it writes later is read and dropped, so that it never waits for a reader."""
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := _URL.search(line):
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield process, match[0]
                return
        msg = f"{command} ended with {process.wait()} before it listened"
        raise RuntimeError(msg)
    finally:
        process.terminate()
        process.wait()


def bridge(config: Path) -> list[str]:
    """The command of the daemon."""
    return [sys.executable, "-m", "bridge", "serve", "-c", str(config)]


def config(folder: Path, text: str = "") -> Path:
    """A configuration with its data beside it, on a free port."""
    path = folder / "deploybridge.yaml"
    path.write_text(f"data_dir: data\nlisten: 127.0.0.1:0\nlog: {{format: json, level: info}}\n{text}")
    return path


def median_seconds(url: str, times: int) -> float:
    """The median time of a GET, answer read and parsed."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server on loopback
            json.load(answer)
        taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]
