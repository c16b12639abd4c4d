"""What Argo CD's ApplicationSet plugin generator posts: whose parameters it wants, in the words of the ApplicationSet's author.

Parameters that say nothing to a bridge are left alone, for templates may use them; one that is nearly a word known here is refused,
since to read past it would answer with other services than were meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec

from bridge.domain.names import parse_name
from bridge.errors import Refused
from bridge.formats.json_body import checked, decode_body

_ENVIRONMENT = ("environment", "env")
_SERVICES = ("service", "services", "app", "apps")
_NEARLY = 0.8  # of 1: `enviroment` and `servcies` are, `team` and `any` are not
_MOST_SERVICES = 1000
_PLACE = "input.parameters"


class PluginInput(msgspec.Struct):
    """The generator's ``input``."""

    parameters: dict[str, msgspec.Raw] = {}


class PluginBody(msgspec.Struct):
    """The whole request. Fields that a later Argo CD adds are no error."""

    input: PluginInput
    application_set_name: str = msgspec.field(default="", name="applicationSetName")


@dataclass(frozen=True, slots=True)
class PluginRequest:
    """A checked request; ``services`` None: all."""

    application_set: str
    environment: str
    services: frozenset[str] | None


def read_plugin_request(body: bytes) -> PluginRequest:
    """Read the body of ``POST /getparams.execute``.

    Raises:
        Refused: it is none, names no environment, or a parameter is not what it must be.
    """
    try:
        given = decode_body(PLUGIN_DECODER, body)
    except RecursionError:
        msg = "the body is nested too deeply"
        raise Refused(msg) from None
    parameters = given.input.parameters
    _refuse_near_misses(parameters)
    name, raw = _one_of(parameters, _ENVIRONMENT)
    if raw is None:
        msg = f"{_PLACE}: expected `environment`, the environment whose services are to be generated"
        raise Refused(msg, field=f"{_PLACE}.environment")
    environment = _texts(name, raw)
    if len(environment) != 1:
        msg = f"{_PLACE}.{name}: expected one environment; several are several generators"
        raise Refused(msg, field=f"{_PLACE}.{name}")
    checked(f"{_PLACE}.{name}", lambda text: parse_name(text, "an environment name"), environment[0])
    return PluginRequest(given.application_set_name[:253], environment[0], _services(parameters))


def _services(parameters: Mapping[str, msgspec.Raw]) -> frozenset[str] | None:
    name, raw = _one_of(parameters, _SERVICES)
    if raw is None:
        return None
    services = _texts(name, raw)
    if not 1 <= len(services) <= _MOST_SERVICES:
        msg = f"{_PLACE}.{name}: expected 1 to {_MOST_SERVICES} services, or no such parameter for all of them"
        raise Refused(msg, field=f"{_PLACE}.{name}")
    for service in services:
        checked(f"{_PLACE}.{name}", lambda text: parse_name(text, "a service name"), service)
    return frozenset(services)


def _one_of(parameters: Mapping[str, msgspec.Raw], names: tuple[str, ...]) -> tuple[str, msgspec.Raw | None]:
    found = [name for name in names if name in parameters]
    if len(found) > 1:
        msg = f"{_PLACE}: {' and '.join(found)} mean the same: keep one of them"
        raise Refused(msg, field=f"{_PLACE}.{found[1]}")
    return (found[0], parameters[found[0]]) if found else (names[0], None)


def _texts(name: str, raw: msgspec.Raw) -> list[str]:
    try:
        given = _TEXTS.decode(raw)
    except (msgspec.ValidationError, RecursionError):
        msg = f"{_PLACE}.{name}: expected text, or a list of texts"
        raise Refused(msg, field=f"{_PLACE}.{name}") from None
    return [given] if isinstance(given, str) else given


def _refuse_near_misses(parameters: Mapping[str, msgspec.Raw]) -> None:
    known = (*_ENVIRONMENT, *_SERVICES)
    for name in parameters:
        if name not in known and (close := get_close_matches(name[:40].lower(), known, n=1, cutoff=_NEARLY)):
            msg = f"{_PLACE}: {name[:40]!r} is not known here; did you mean `{close[0]}`?"
            raise Refused(msg, field=f"{_PLACE}.{name[:40]}")


PLUGIN_DECODER = msgspec.json.Decoder(PluginBody)
_TEXTS: msgspec.json.Decoder[str | list[str]] = msgspec.json.Decoder(str | list[str])
