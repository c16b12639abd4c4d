"""Where a verb reads from: a bridge by URL, or its log by configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bridge.errors import Refused

DEFAULT_URL = "http://127.0.0.1:8484"
CONFIG_NAME = "deploybridge.yaml"


@dataclass(frozen=True, slots=True)
class Origin:
    """Exactly one of ``url`` and ``config`` is set. ``token`` is never shown."""

    url: str | None = None
    config: Path | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Origin(url={self.url!r}, config={self.config!r})"


def find_origin(
    *, url: str | None, config: Path | None, token_file: Path | None, environ: Mapping[str, str], here: Path
) -> Origin:
    """The first of: ``url``, ``config``, DEPLOYBRIDGE_URL, DEPLOYBRIDGE_CONFIG, ./deploybridge.yaml, the local default.

    Raises:
        Refused: the URL is none, or the token file can't be read.
    """
    token = _read_token(token_file) if token_file else environ.get("DEPLOYBRIDGE_TOKEN") or None
    if url:
        return Origin(url=_check_url(url), token=token)
    if config:
        return Origin(config=config, token=token)
    if given := environ.get("DEPLOYBRIDGE_URL"):
        return Origin(url=_check_url(given), token=token)
    if found := find_config(None, environ, here):
        return Origin(config=found, token=token)
    return Origin(url=DEFAULT_URL, token=token)


def find_config(config: Path | None, environ: Mapping[str, str], here: Path) -> Path | None:
    """The first of: ``config``, DEPLOYBRIDGE_CONFIG, ./deploybridge.yaml where it exists; None for none of them."""
    if config:
        return config
    if named := environ.get("DEPLOYBRIDGE_CONFIG"):
        return Path(named)
    return found if (found := here / CONFIG_NAME).is_file() else None


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(
            "the bridge's URL must look like http://127.0.0.1:8484 or https://bridge.example.org", field="url"
        )
    if parts.username or parts.password or parts.query:
        raise Refused("the bridge's URL holds credentials or a query: give a token in DEPLOYBRIDGE_TOKEN", field="url")
    return text.rstrip("/")


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise Refused(f"the token file {path} can't be read: {reason}", field="token-file") from None
    if not token or not token.isprintable() or " " in token:
        raise Refused(f"the token file {path} holds no token: expected one line of printable characters")
    return token
