"""Query parameters and request headers: declared once, parsed once, refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from aiohttp import web

from bridge.api.problems import INVALID_HEADER, INVALID_PARAMETER, Problem
from bridge.domain.events import EventKind
from bridge.domain.names import Model, parse_name
from bridge.domain.times import parse_time
from bridge.formats.configuration import parse_duration
from bridge.ports import EventQuery

PAGE = 100  # events on a page unless said otherwise
LARGEST_PAGE = 1000
LONGEST_SOURCE_NAME = 100  # characters, as the settings of sources have it
LONGEST_WAIT = timedelta(minutes=5)  # proxies and load balancers cut longer ones anyway

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_UNESCAPED_OFFSET = re.compile(r"(T[0-9:.,]+) ([0-9]{2}:?[0-9]{2})\Z")
_INTENT_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"\Z|([\x21\x23-\x5b\x5d-\x7e]+)\Z')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: how it is read, and how the description of the API shows it."""

    name: str
    parse: Callable[[str], object]
    description: str
    schema: Mapping[str, object]
    repeatable: bool = False  # may be given several times, or once with commas


class Query:
    """The parameters of one request, parsed; what was not given is None (or empty, where it is repeatable)."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def time(self, name: str) -> datetime | None:
        """A time, in UTC."""
        value = self._values.get(name)
        assert value is None or isinstance(value, datetime)
        return value

    def text(self, name: str) -> str | None:
        """A text."""
        value = self._values.get(name)
        assert value is None or isinstance(value, str)
        return value

    def texts(self, name: str) -> Sequence[str]:
        """The texts of a repeatable parameter; none where it is not given."""
        value = self._values.get(name)
        return value if isinstance(value, list) else ()

    def number(self, name: str) -> int | None:
        """A whole number, not negative."""
        value = self._values.get(name)
        assert value is None or isinstance(value, int)
        return value

    def duration(self, name: str) -> timedelta | None:
        """A span of time."""
        value = self._values.get(name)
        assert value is None or isinstance(value, timedelta)
        return value

    def events(self, *, after: int | None = None, up_to: int | None = None) -> EventQuery:
        """The filters of the event log; ``after`` stands in for the parameter of that name."""
        kinds = self._values.get("kind") or ()
        assert isinstance(kinds, list | tuple)
        model = self.text("model")
        return EventQuery(
            after=(self.number("after") or 0) if after is None else after,
            up_to=up_to,
            since=self.time("from"),
            until=self.time("to"),
            service=self.text("service"),
            environment=self.text("environment"),
            kinds=frozenset(kinds),
            model=None if model is None else Model(model),
            intent_id=self.text("intent_id"),
        )


_NO_QUERY = Query({})


def read_query(request: web.Request, parameters: Sequence[Parameter]) -> Query:
    """Parse the query of ``request``; every key must be declared, and given once unless it is repeatable."""
    if "?" not in request.raw_path:
        return _NO_QUERY
    given = request.rel_url.query
    declared = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in declared:
            known = f"known here: {', '.join(declared)}" if declared else "this call takes none"
            raise Problem(
                INVALID_PARAMETER, f"{name[:80]!r} is not a query parameter of this call; {known}.", name[:80]
            )
    values: dict[str, object] = {}
    for name in dict.fromkeys(given):
        parameter, texts = declared[name], given.getall(name)
        try:
            if parameter.repeatable:
                values[name] = [parameter.parse(part) for text in texts for part in text.split(",")]
            elif len(texts) > 1:
                raise Problem(INVALID_PARAMETER, f"{name} is given {len(texts)} times: expected once.", name)
            else:
                values[name] = parameter.parse(texts[0])
        except ValueError as error:
            raise Problem(INVALID_PARAMETER, f"{name}: {error}", name) from None
    return Query(values)


def read_idempotency_key(request: web.Request) -> str | None:
    """The ``Idempotency-Key``: a quoted RFC 8941 string (as the IETF draft has it) or bare; both spellings are one key."""
    values = request.headers.getall("Idempotency-Key", ())
    if not values:
        return None
    match = _KEY.match(values[0].strip())
    key = "" if match is None else match[2] or match[1] or ""
    if "\\" in key:  # only a quoted one can hold it
        key = _ESCAPED.sub(r"\1", key)
    if len(values) > 1 or not 1 <= len(key) <= _LONGEST_KEY:
        detail = "Idempotency-Key: expected once, 1 to 255 printable ASCII characters, quoted or not."
        raise Problem(INVALID_HEADER, detail, "Idempotency-Key")
    return key


def parse_whole_number(text: str, least: int, most: int) -> int:
    """Read a decimal number between the bounds."""
    if not _WHOLE_NUMBER.match(text) or not least <= int(text) <= most:
        msg = f"expected a whole number from {least} to {most}, got {text[:40]!r}"
        raise ValueError(msg)
    return int(text)


def _parse_choice(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        msg = f"expected one of {', '.join(words)}, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _parse_kind(text: str) -> EventKind:
    return EventKind(_parse_choice(text, tuple(EventKind)))


def _parse_id(text: str) -> str:
    if not _INTENT_ID.match(text):
        msg = "expected the id of an intent, as the log shows it"
        raise ValueError(msg)
    return text


def _parse_source(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_SOURCE_NAME:
        msg = f"expected the name of a source, 1 to {LONGEST_SOURCE_NAME} characters"
        raise ValueError(msg)
    return text


def _parse_wait(text: str) -> timedelta:
    """A wait; a longer one than the longest is cut to it, for the caller asks again anyway."""
    return min(parse_duration(text), LONGEST_WAIT)


def _parse_query_time(text: str) -> datetime:
    """A time whose ``+`` of the offset was not escaped arrives with a space there; no other reading is possible."""
    return parse_time(_UNESCAPED_OFFSET.sub(r"\1+\2", text))


def _time(name: str, description: str) -> Parameter:
    text = f"{description}. RFC 3339 with a zone."
    return Parameter(name, _parse_query_time, text, {"type": "string", "format": "date-time"})


def choice(name: str, words: tuple[str, ...], description: str) -> Parameter:
    """A parameter that is one of a few words."""
    return Parameter(name, partial(_parse_choice, words=words), description, {"type": "string", "enum": list(words)})


LAST_POSITION = 10**18 - 1
AFTER = Parameter(
    "after",
    partial(parse_whole_number, least=0, most=LAST_POSITION),
    "Only events after this position of the log: the cursor.",
    {"type": "integer", "minimum": 0},
)
LIMIT = Parameter(
    "limit",
    partial(parse_whole_number, least=1, most=LARGEST_PAGE),
    "How many events a page holds at most.",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
)
FROM = _time("from", "Only events received at this time or later")
TO = _time("to", "Only events received before this time")
AT = _time("at", "The time asked about; now by default")
KNOWN_AT = _time("known_at", "Answer from what was known at this time; now by default")
SINCE = _time("since", "Only intents received at this time or later")
UNTIL = _time("until", "Only intents received before this time")
FROM_WEEK = _time("from", "Only weeks whose Monday (midnight UTC) is at this time or later")
TO_WEEK = _time("to", "Only weeks whose Monday (midnight UTC) is before this time")
SOURCE = Parameter(
    "source",
    _parse_source,
    "Only this source, by its name in the configuration.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_SOURCE_NAME},
)
SERVICE = Parameter("service", partial(parse_name, what="a service name"), "Only this service.", {"type": "string"})
SERVICES = Parameter(
    "service",
    partial(parse_name, what="a service name"),
    "Only these services: several times, or with commas.",
    {"type": "array", "items": {"type": "string"}},
    repeatable=True,
)
ENVIRONMENT = Parameter(
    "environment", partial(parse_name, what="an environment name"), "Only this environment.", {"type": "string"}
)
KIND = Parameter(
    "kind",
    _parse_kind,
    "Only these kinds: several times, or with commas.",
    {"type": "array", "items": {"type": "string", "enum": [kind.value for kind in EventKind]}},
    repeatable=True,
)
MODEL = choice("model", tuple(model.value for model in Model), "Only events of this model.")
INTENT_ID = Parameter("intent_id", _parse_id, "Only this intent and what was concluded about it.", {"type": "string"})
WAIT = Parameter(
    "wait",
    _parse_wait,
    "Answer when the state is final, or after this long: 30s, 2m; at most 5m.",
    {"type": "string", "examples": ["30s"]},
)
WAIT_FOR_CHANGE = Parameter(
    "wait",
    _parse_wait,
    "With If-None-Match: answer when something else is desired, or with 304 after this long: 30s, 2m; at most 5m.",
    {"type": "string", "examples": ["30s"]},
)
EVENT_FILTERS = (AFTER, FROM, TO, SERVICE, ENVIRONMENT, KIND, MODEL, INTENT_ID)
