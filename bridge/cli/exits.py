"""Exit codes, the same for every verb."""

from __future__ import annotations

OK = 0
NO = 1  # the question was answered, and the answer is no: not deployed, chain broken, a source that failed
WRONG_USE = 2  # the command line, the request or the configuration must change
UNREACHABLE = 3  # the bridge can't be reached, or can't answer now
OUR_BUG = 70  # EX_SOFTWARE
INTERRUPTED = 130  # as shells write SIGINT
PIPE_CLOSED = 141  # as shells write SIGPIPE
