"""``deploybridge import`` of a generated history, against ``git log -p`` of the same repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import daemon, history

YARDSTICK = ["git", "log", "-p", "--no-renames", "--diff-merges=first-parent"]


def run(work: Path, bumps: int) -> None:
    """Print both times, their ratio and the importer's peak memory."""
    repository = work / f"history-{bumps}.git"
    if not repository.exists():
        print(f"making {bumps} bumps, each brought in by its own merge (once; kept in {repository}) ...", flush=True)
        history.make(repository, bumps)
    folder = work / "import"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = (
        f"sources:\n  - kind: git\n    name: infra\n    url: {repository}\n    branch: main\n    rules:\n{history.RULE}"
    )
    config = daemon.config(folder, source)
    git_seconds, _ = _timed([*YARDSTICK], repository, discard=True)
    ours_seconds, memory = _timed([sys.executable, "-m", "bridge", "import", "-c", str(config)], folder)
    again_seconds, _ = _timed([sys.executable, "-m", "bridge", "import", "-c", str(config)], folder)
    print(f"import of {bumps} bumps ({2 * bumps} commits)")
    print(f"  yardstick: {' '.join(YARDSTICK)}: {git_seconds:.2f} s")
    print(f"  deploybridge import: {ours_seconds:.2f} s, {ours_seconds / git_seconds:.2f}x, peak {memory:.0f} MB")
    print(f"  once more, nothing new: {again_seconds:.2f} s")


def _timed(command: list[str], cwd: Path, *, discard: bool = False) -> tuple[float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL if discard else None)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        msg = f"{command} failed"
        raise RuntimeError(msg)
    return seconds, usage.ru_maxrss / 1024
