"""``scripts/start`` without arguments shows the product alive, and Ctrl-C ends all of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from bridge.cli.http_asking import HttpAsking
from bridge.ports import EventQuery
from bridge.runtime.lock import exclusive

ROOT = Path(__file__).parents[2]
EXPECTED = {"target.baseline", "intent.declared", "deployment.started", "deployment.succeeded", "models.agreed"}


@pytest.mark.timeout(90)
def test_the_demonstration_deploys_in_both_models_and_ends_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--directory", str(tmp_path / "demo"), "--seed", "1"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        said = next(line for line in demo.stdout if "deploybridge runs at" in line)
        asyncio.run(follow_until_all_seen(re.findall(r"http://\S+?(?=,)", said)[0], set(EXPECTED)))
    finally:
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=40)
    assert demo.returncode == 0, err
    assert "refused" not in (tmp_path / "demo" / "feeder.log").read_text()
    last_words = (tmp_path / "demo" / "daemon.log").read_text().splitlines()[-1]
    assert json.loads(last_words)["event"] == "stopped"


def test_a_second_demonstration_leaves_the_first_one_alone(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--directory", str(tmp_path / "demo")]
    with exclusive(tmp_path / "demo" / "log"):  # as the daemon of the first one does
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=40)
    assert ended.returncode == 1
    assert f"pid {os.getpid()}" in ended.stderr
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["log"]


async def follow_until_all_seen(url: str, missing: set[str]) -> None:
    async with HttpAsking.open(url, None) as asking, aclosing(asking.follow(EventQuery())) as records:
        async for record in records:
            missing.discard(json.loads(record)["kind"])
            if not missing:
                return
