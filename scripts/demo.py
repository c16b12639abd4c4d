"""The demonstration behind ``scripts/start``: a repository of its own, the daemon on it, and the feeder.

Everything is under one directory (default data/demo), which a later run goes on with. Ctrl-C ends all of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from feeder import ENVIRONMENTS, SERVICES, write_version

from bridge.errors import Refused
from bridge.runtime.lock import exclusive

HERE = Path(__file__).resolve().parent
FIRST_PORT = 8484
READY_LIMIT = 30.0  # seconds
STOP_LIMIT = 15.0  # seconds; the daemon's own limit is 10

CONFIG = """\
# Written by scripts/start. Times are short, so that late, missed and out-of-band can be seen within minutes.
mode: both
data_dir: ./log
listen: 127.0.0.1:{port}
late_after: 20s
missed_after: 2m
out_of_band_grace: 8s
pairing_window: 30s
environments:
  - {{name: production, governed_by: gitops}}
  - {{name: staging, governed_by: api}}
sources:
  - kind: git
    name: infra
    url: {infra}
    branch: main
    poll_interval: 2s
    rules:
      - files: clusters/{{environment}}/{{service}}/kustomization.yaml
        format: kustomize
"""

NEXT_STEPS = """
deploybridge runs at {url}, on the repository {infra}.
A feeder bumps images there, declares intents over HTTP and reports what runs. In another terminal:

  cd {root}
  .venv/bin/deploybridge state --url {url}
  .venv/bin/deploybridge events --follow --url {url}
  .venv/bin/deploybridge compare --url {url}
  .venv/bin/deploybridge intent shop staging registry.example.org/shop:v1000 --wait 15s --url {url}
  .venv/bin/deploybridge verify -c {config}

What the daemon says is in {daemon_log}, what the feeder does in {feeder_log}.
To begin anew: stop it and remove {directory}. Ctrl-C ends all.
"""


def main() -> int:
    """Run until Ctrl-C or until a part of it ends."""
    parser = argparse.ArgumentParser(prog="scripts/start", description=__doc__)
    parser.add_argument("--directory", type=Path, default=HERE.parent / "data" / "demo", help="default: data/demo")
    parser.add_argument("--seed", type=int, help="makes the feeder's choices repeatable")
    given = parser.parse_args()
    directory = given.directory.resolve()
    refuse_a_second_one(directory / "log")
    infra = make_repository(directory / "infra")
    port = free_port()
    config = directory / "deploybridge.yaml"
    config.write_text(CONFIG.format(port=port, infra=infra), encoding="utf-8")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us in the background, without Ctrl-C
        signal.signal(number, signal.default_int_handler)
    return run_parts(directory, config, infra, f"http://127.0.0.1:{port}", given.seed)


def refuse_a_second_one(data_dir: Path) -> None:
    """End here if a daemon runs on the directory, before anything of its demonstration is written over."""
    try:
        with exclusive(data_dir):
            pass
    except Refused as error:
        sys.exit(f"{error} (scripts/start --directory DIRECTORY)")


def run_parts(directory: Path, config: Path, infra: Path, url: str, seed: int | None) -> int:
    """Start the daemon and the feeder, wait for Ctrl-C or for either to end, and stop both."""
    daemon_log, feeder_log = directory / "daemon.log", directory / "feeder.log"
    daemon = start([sys.executable, "-m", "bridge", "serve", "-c", str(config)], daemon_log)
    feeder = None
    try:
        if not wait_until_ready(url, daemon):
            print(f"the daemon did not get ready; its last words ({daemon_log}):", file=sys.stderr)
            print(daemon_log.read_text(encoding="utf-8", errors="replace")[-2000:], file=sys.stderr)
            return 1
        seeded = ["--seed", str(seed)] if seed is not None else []
        feeder = start([sys.executable, str(HERE / "feeder.py"), url, str(infra), *seeded], feeder_log)
        names = {"daemon_log": shown(daemon_log), "feeder_log": shown(feeder_log), "directory": shown(directory)}
        print(
            NEXT_STEPS.format(url=url, infra=shown(infra), root=HERE.parent, config=shown(config), **names), flush=True
        )
        while daemon.poll() is None and feeder.poll() is None:
            time.sleep(0.2)
        ended = "daemon" if daemon.poll() is not None else "feeder"
        print(f"the {ended} ended by itself: see its log above", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
        return 0
    else:
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one must not leave a part behind; `stop` is bounded
            signal.signal(number, signal.SIG_IGN)
        for part in (feeder, daemon):
            if part is not None:
                stop(part)


def make_repository(path: Path) -> Path:
    """An infra repository with every service at v1 in every environment, unless it is there already."""
    if (path / ".git").exists():
        return path
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    for environment in ENVIRONMENTS:
        for service in SERVICES:
            write_version(path, service, environment, "v1")
    (path / "README.md").write_text("The infra repository of the deploybridge demonstration.\n", encoding="utf-8")
    git(path, "add", "--all")
    git(path, "-c", "user.name=platform", "-c", "user.email=platform@example.org", "commit", "--quiet", "-m", "begin")
    return path


def git(path: Path, *arguments: str) -> None:
    """Run git without this machine's own settings."""
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "-C", str(path), *arguments], check=True, env=environ, stdin=subprocess.DEVNULL)


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, so that Ctrl-C reaches it only through us, in order."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, cwd=HERE.parent
        )


def stop(part: subprocess.Popen[bytes]) -> None:
    """Ask it to end, wait, and end it."""
    part.terminate()
    try:
        part.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()


def wait_until_ready(url: str, daemon: subprocess.Popen[bytes]) -> bool:
    """Ask /readyz until it says yes, the daemon ends, or the time is over."""
    until = time.monotonic() + READY_LIMIT
    while time.monotonic() < until and daemon.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback URL
                if answer.status == 200:  # noqa: PLR2004 - OK
                    return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def free_port() -> int:
    """8484, or the next one that nobody listens on."""
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sys.exit(f"no free port from {FIRST_PORT} to {FIRST_PORT + 99}")


def shown(path: Path) -> Path:
    """The path as one would type it from the project's directory."""
    return path.relative_to(HERE.parent) if path.is_relative_to(HERE.parent) else path


if __name__ == "__main__":
    sys.exit(main())
