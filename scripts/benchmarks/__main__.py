"""``scripts/bench WHAT``: figures as ratios against a yardstick of the same run."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import desired, hints, imports, intents, logs, observe, sources

_ALL = ("import", "intents", "state", "export", "observe", "hints", "sources", "desired")


def main() -> None:
    """Run what was asked for, or all of it."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], *_ALL], help="default: all")
    parser.add_argument("--work", type=Path, default=Path("/tmp/deploybridge-bench"), help="where inputs are kept")  # noqa: S108
    parser.add_argument("--bumps", type=int, default=60_000, help="length of the generated history")
    parser.add_argument("--seconds", type=int, default=5, help="length of each load")
    parser.add_argument("--events", type=int, default=2_000_000, help="length of the long log")
    parser.add_argument("--pushes", type=int, default=500, help="how many landings are hinted")
    parser.add_argument("--sources", type=int, default=300, help="how many repositories one daemon polls")
    parser.add_argument("--declared", type=int, default=300, help="how many intents a long poll waits for")
    asked = parser.parse_args()
    what = asked.what or list(_ALL)
    asked.work.mkdir(parents=True, exist_ok=True)
    if "import" in what:
        imports.run(asked.work, asked.bumps)
    if "intents" in what:
        intents.run(asked.work, asked.seconds)
    if "state" in what:
        logs.compare_states(asked.work, 10_000, asked.events)
    if "export" in what:
        logs.compare_exports(asked.work, asked.events)
    if "observe" in what:
        observe.run(asked.work, asked.seconds)
    if "hints" in what:
        hints.run(asked.work, asked.pushes)
    if "sources" in what:
        sources.run(asked.work, asked.sources, asked.seconds)
    if "desired" in what:
        desired.run(asked.work, asked.seconds, asked.declared)


if __name__ == "__main__":
    main()
