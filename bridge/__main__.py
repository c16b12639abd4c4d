"""``deploybridge`` and ``python -m bridge``."""

from __future__ import annotations

import os
import sys
import threading

from bridge.cli.app import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    code = run(sys.argv[1:])
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.current_thread()):
        # All is closed but a call that can't be broken off, such as a fetch from a server that accepts and says nothing:
        # the interpreter would wait for it, up to a minute, after SIGTERM.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
