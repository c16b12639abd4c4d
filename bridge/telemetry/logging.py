"""The bridge's own log lines: one stream on standard error, as JSON or for people, with secrets left out.

Lines of libraries (aiohttp, asyncio) go the same way and look the same.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Literal, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "json", "console"]

HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(
    r"authori[sz]ation|cookie|passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential",
    re.IGNORECASE,
)
# Secrets inside text: user info of a URL, and what follows the word bearer or basic.
_USER_INFO = re.compile(r"(?<=://)[^/\s@:]*:?[^/\s@]*@")
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)


def configure_logging(form: LogFormat, level: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to ``stream`` (standard error); ``auto`` is for people on a terminal.

    ``level`` is debug, info, warning or error. Calling it again replaces what was configured.
    """
    out = sys.stderr if stream is None else stream
    readable = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # plain: a traceback that shows local variables shows secrets
        hide_secrets,
        _render_for_people(colors=out.isatty()) if readable else _render_json(),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # requests are counted, not listed
    server = logging.getLogger("aiohttp.server")
    server.filters = [_tell_malformed_requests_shortly]
    logging.getLogger("watchfiles").setLevel(
        logging.WARNING
    )  # else a line for every file that changes near a watched one
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def hide_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Blank the values of keys that name a secret, and what looks like one inside any text; at every depth."""
    for key in line:
        line[key] = _hidden(key, line[key])
    return line


def _tell_malformed_requests_shortly(record: logging.LogRecord) -> bool:
    """Of what is no HTTP, one line without its words: any stranger can send it, and it is no fault of the bridge."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | RequestPayloadError):
        return True
    record.msg, record.args, record.exc_info = "malformed_request", (), None
    record.levelno, record.levelname = logging.INFO, "INFO"
    return logging.getLogger(record.name).isEnabledFor(logging.INFO)


def _hidden(key: object, value: object) -> object:
    if isinstance(key, str) and _SECRET_KEY.search(key) and isinstance(value, str | bytes | Mapping | list | tuple):
        return HIDDEN
    if isinstance(value, str):
        return _BEARER.sub(rf"\1 {HIDDEN}", _USER_INFO.sub(f"{HIDDEN}@", value))
    if isinstance(value, MutableMapping):
        return {inner: _hidden(inner, held) for inner, held in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(None, held) for held in value]
    return value


def _render_for_people(*, colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        timestamp_key="time", colors=colors, exception_formatter=structlog.dev.plain_traceback
    )


def _render_json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
