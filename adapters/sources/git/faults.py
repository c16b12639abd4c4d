"""What libgit2's errors mean to the reader of a health page: what was tried, on what, and the next step."""

from __future__ import annotations

import re

from adapters.sources.git.branch_names import BranchNames
from bridge.errors import Stalled, Unavailable
from bridge.redaction import RepoUrl, redact

# Each pattern of libgit2's (and libssh2's, OpenSSL's) texts, and what to tell. None of them helps itself, so they stall.
_STALLING = (
    (
        re.compile(
            r"status code: 404|not found|does not exist|could not find repository"
            r"|failed to resolve path|to be a git repository|not a git repository",
            re.IGNORECASE,
        ),
        "there is no repository at {url}: correct `url`, or give the credentials access (hosts hide what they may not show)",
    ),
    (
        re.compile(
            r"authentication replays|status code: 40[13]|authentication required|publickey|auth|credential",
            re.IGNORECASE,
        ),
        "{url} refused the credentials: check `credentials` and whether they may read this repository",
    ),
    (
        re.compile(r"hostkey|host key|known.?hosts", re.IGNORECASE),
        "the SSH host key of {url} is not known: add it to ~/.ssh/known_hosts (ssh-keyscan), or set `credentials.known_hosts`",
    ),
    (
        re.compile(r"certificate|ssl|tls", re.IGNORECASE),
        "the certificate of {url} is not trusted: set `credentials.ca_file` to the authority's PEM file",
    ),
    (
        re.compile(r"unsupported url protocol|malformed url|invalid url", re.IGNORECASE),
        "{url} is no address that can be fetched: correct `url`",
    ),
)
_NETWORK = re.compile(r"timed out|resolve|connect|socket|network|reset|eof|status code: (429|5\d\d)", re.IGNORECASE)
_STORAGE = re.compile(r"no space|disk quota|read-only file|permission denied.*(mirror|write|create)", re.IGNORECASE)


def is_foreign(error: Exception) -> bool:
    """Whether a failed fetch is plainly the network's, the server's or the disk's fault, and not the mirror's."""
    text = str(error)
    return any(pattern.search(text) for pattern in (_NETWORK, _STORAGE, *(pattern for pattern, _ in _STALLING[1:])))


def explain(error: Exception, url: RepoUrl) -> Stalled | Unavailable:
    """The error to raise instead of one that came from fetching ``url``."""
    text = _shorten(error)
    if not re.search(r"failed to resolve path", text) and _NETWORK.search(text) and "authentication" not in text:
        return Unavailable(f"{url} can't be reached ({text}): it is tried again")
    for pattern, told in _STALLING:
        if pattern.search(text):
            return Stalled(f"{told.format(url=url)} ({text})")
    return Unavailable(f"fetching {url} failed ({text}): it is tried again")


def missing_branch(wanted: BranchNames, url: RepoUrl, others: list[str]) -> Stalled:
    """The repository answers, but has no such branch; ``others`` are those it has."""
    none = f"no branch that matches {wanted.text!r}" if wanted.several else f"no branch {wanted.text!r}"
    if not others:
        pushed = "a branch that matches" if wanted.several else "its branch"
        return Stalled(f"the repository {url} is empty: push a first commit to {pushed} {wanted.text!r}")
    shown = ", ".join(sorted(others)[:5]) + (", …" if len(others) > 5 else "")  # noqa: PLR2004 - enough to see the mistake
    return Stalled(f"the repository {url} has {none} (it has: {shown}): correct `branch`, or bring the branch back")


def _shorten(error: Exception) -> str:
    text = redact(" ".join(str(error).split()))
    return text[:200] or type(error).__name__
