"""Addresses of repositories that may hold secrets: what they print is safe to log, to show and to keep.

User names, passwords and query strings never appear in ``str``, ``repr`` or an error made here; only the wire asks for ``address``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#]*@")
_QUERY = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"]*)[?#][^\s'\"]*")
_SCP = re.compile(r"(?:(?P<user>[^\s@/:]+)@)?(?P<host>[^\s@/:]{2,}|\[[0-9a-fA-F:]+\]):(?P<path>[^\s].*)\Z", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEMES = frozenset({"https", "http", "ssh", "git", "file"})
_LONGEST = 2048  # characters


def redact(text: str) -> str:
    """Cut user names, passwords and query strings out of every URL in ``text``."""
    return _QUERY.sub(r"\g<before>?***", _USERINFO.sub(r"\g<scheme>***@", text))


class RepoUrl:
    """Where a Git repository is: https, http, ssh, git or file URL, ``user@host:path``, or a path of the file system."""

    __slots__ = ("_address", "_shown", "scheme")

    def __init__(self, text: str) -> None:
        """Check the address.

        Raises:
            ValueError: no such address, or one with a secret inside; the text shows none of it.
        """
        if not text.strip() or len(text) > _LONGEST or _CONTROL.search(text):
            msg = f"expected the address of a Git repository of 1 to {_LONGEST} printable characters"
            raise ValueError(msg)
        self._address = text
        self.scheme, self._shown = _examine(text)

    @property
    def address(self) -> str:
        """The address as it was written, for the wire only."""
        return self._address

    @property
    def local_path(self) -> Path | None:
        """The repository's directory, where it is on this machine; relative as written."""
        if self.scheme != "file":
            return None
        return Path(unquote(urlsplit(self._address).path) if "://" in self._address else self._address)

    def located(self, directory: Path) -> RepoUrl:
        """The same address, with a relative path taken from ``directory``; ``~`` is the user's home."""
        path = self.local_path
        if path is None or "://" in self._address:
            return self
        return RepoUrl(str(directory / path.expanduser()))

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"RepoUrl({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepoUrl) and other.address == self._address

    def __hash__(self) -> int:
        return hash(self._address)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read from text; written back without what must not be seen."""
        return core_schema.no_info_plain_validator_function(
            _validate,
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string, in the schema for editors."""
        return {
            "type": "string",
            "examples": ["https://git.example.org/acme/infra.git", "git@git.example.org:acme/infra.git", "./infra.git"],
        }


def _validate(value: object) -> RepoUrl:
    if isinstance(value, RepoUrl):
        return value
    if not isinstance(value, str):
        msg = "expected the address of a Git repository as text"
        raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueErrors
    return RepoUrl(value)


def _examine(text: str) -> tuple[str, str]:
    """The scheme of an address, and what may be shown of it."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        if "::" in text.partition("/")[0]:
            msg = "transport helpers such as ext:: are not supported: expected https, ssh, file or a path"
            raise ValueError(msg)
        scp = _SCP.match(text)
        return ("ssh", f"{scp['host']}:{scp['path']}") if scp else ("file", text)
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        msg = f"expected an address that begins with one of {', '.join(sorted(_SCHEMES))}, or a path"
        raise ValueError(msg)
    _refuse_secrets(scheme, text)
    return scheme, redact(text).replace("***@", "")


def _refuse_secrets(scheme: str, text: str) -> None:
    try:
        parts = urlsplit(text)
        password, user = parts.password, parts.username
    except ValueError:
        msg = "the address is malformed: expected such as https://git.example.org/acme/infra.git"
        raise ValueError(msg) from None
    if password is not None or (scheme in {"https", "http"} and user is not None):
        msg = "the address holds a user name or a password: take it out and use `credentials: {username, password: {file or env}}`"
        raise ValueError(msg)
    if parts.query and scheme != "file":
        msg = "the address holds a query (after `?`): take it out; secrets belong under `credentials`"
        raise ValueError(msg)
