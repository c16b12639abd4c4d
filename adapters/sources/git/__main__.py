"""The process that reads a long history; see ``apart``."""

from __future__ import annotations

import gc
import pickle
import signal
import sys

from adapters.sources.git.apart import serve
from adapters.sources.git.passes import DAMAGE, read_errand


def main() -> None:
    """Do one errand. Ctrl-C is the parent's business; without a reader there is nothing left to do."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # facts come and go by the thousand, and none of them is part of a cycle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    errand = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the parent process
    try:
        serve(read_errand(errand), sys.stdout.buffer, DAMAGE)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
