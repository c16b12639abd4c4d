"""Whether what a Git host announces is about the configured repository and branch. A wrong yes costs one idle poll."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from adapters.sources.git.branch_names import HEADS, BranchNames
from bridge.redaction import RepoUrl

_SCP = re.compile(r"(?:[^\s@/:]+@)?(?P<host>[^\s@/:]{2,}|\[[0-9a-fA-F:]+\]):(?P<path>[^\s].*)\Z", re.DOTALL)
_HTTP_PREFIX = "scm/"  # what Bitbucket Data Center puts before the path over https, and not over ssh


def follows(branch: str, ref: str) -> bool:
    """Whether a source whose ``branch`` is this name or pattern reads ``ref``."""
    return ref.startswith(HEADS) and BranchNames(branch).captured_from(ref.removeprefix(HEADS)) is not None


def is_same_repository(configured: str, announced: str) -> bool:
    """Whether two addresses name one repository: by host and path, whatever the scheme, user, port, case or ``.git``.

    ``announced`` may be a bare path; then the end of the configured one decides.
    """
    host, path = _place(configured)
    other_host, other_path = _place(announced)
    if not path or not other_path or host is None:
        return False
    if other_host is None:
        return path == other_path or path.endswith("/" + other_path)
    return host == other_host and path == other_path


def host_of(url: RepoUrl) -> str:
    """Whose slowness or silence a source shares with others: the server's name and port, or the path of a local repository."""
    host, _ = _place(url.address)
    return url.address if host is None else host + _port(url.address)


def _port(address: str) -> str:
    """As it is written, with its colon; nothing where none is."""
    _, scheme, rest = address.partition("://")
    server = rest.partition("/")[0].rpartition("@")[2] if scheme else ""
    return server[server.rfind(":") :] if server.rfind(":") > server.rfind("]") else ""


@lru_cache(maxsize=2048)
def _place(address: str) -> tuple[str | None, str]:
    """Host (None: it names none) and path of an address."""
    if "://" in address:
        try:
            parts = urlsplit(address)
        except ValueError:
            return None, ""
        host, path = parts.hostname, unquote(parts.path)
    elif (scp := _SCP.match(address)) is not None:
        host, path = scp["host"].strip("[]").lower(), scp["path"]
    else:
        host, path = None, address
    path = path.strip("/").removesuffix(".git").strip("/").casefold()
    return host, path.removeprefix(_HTTP_PREFIX)
