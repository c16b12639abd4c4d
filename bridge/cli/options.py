"""The options that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bridge.cli.moments import Moment
from bridge.cli.origin import Origin, find_config, find_origin
from bridge.domain.events import EventKind
from bridge.domain.names import Model
from bridge.errors import Refused
from bridge.ports import EventQuery

_Verb = TypeVar("_Verb", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)


def config_option(verb: _Verb) -> _Verb:
    """``-c FILE``, for verbs that work on a configuration."""
    return click.option("-c", "--config", type=_FILE, help="The configuration; default: ./deploybridge.yaml.")(verb)


def origin_options(verb: _Verb) -> _Verb:
    """``--url``, ``-c`` and ``--token-file``, for verbs that ask a bridge or open its log."""
    options = (
        click.option("--url", metavar="URL", help="Ask this bridge over HTTP."),
        click.option("-c", "--config", type=_FILE, help="Open the log of this configuration, read-only."),
        click.option("--token-file", type=_FILE, help="Holds the token; default: DEPLOYBRIDGE_TOKEN."),
    )
    return _apply(options, verb)


def format_option(verb: _Verb) -> _Verb:
    """``--format table|json``."""
    return click.option(
        "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="For whom."
    )(verb)


def target_options(verb: _Verb) -> _Verb:
    """``--service`` and ``--environment``."""
    options = (
        click.option("--service", metavar="NAME", help="Only this service."),
        click.option("--environment", metavar="NAME", help="Only this environment."),
    )
    return _apply(options, verb)


def query_options(verb: _Verb) -> _Verb:
    """The filters of the log: position, target, kind, model, times."""
    options = (
        click.option("--after", type=click.IntRange(min=0), metavar="N", help="Only positions greater than N."),
        click.option(
            "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in EventKind]), metavar="KIND",
            help="Only this kind; may be repeated.",
        ),
        click.option("--model", type=click.Choice([model.value for model in Model]), help="Only this model."),
        click.option("--from", "since", type=Moment(), help="Received then or later, e.g. 2026-08-21 or '2h ago'."),
        click.option("--to", "until", type=Moment(), help="Received before this time."),
    )  # fmt: skip
    return _apply(options, target_options(verb))


def make_query(given: dict[str, Any]) -> EventQuery:
    """The filters as the log takes them."""
    return EventQuery(
        after=given["after"] or 0,
        since=given["since"],
        until=given["until"],
        service=given["service"],
        environment=given["environment"],
        kinds=frozenset(EventKind(kind) for kind in given["kinds"]),
        model=Model(given["model"]) if given["model"] else None,
    )


def chosen_origin(given: dict[str, Any]) -> Origin:
    """Where the verb reads from, by its options and the environment."""
    return find_origin(
        url=given["url"],
        config=given["config"],
        token_file=given["token_file"],
        environ=os.environ,
        here=Path.cwd(),
    )


def chosen_config(config: Path | None) -> Path:
    """The configuration to work on.

    Raises:
        Refused: none is named and ./deploybridge.yaml isn't there.
    """
    if found := find_config(config, os.environ, Path.cwd()):
        return found
    raise Refused(
        "no configuration: give -c FILE, set DEPLOYBRIDGE_CONFIG, or write ./deploybridge.yaml", field="config"
    )


def _apply(options: tuple[Callable[[_Verb], _Verb], ...], verb: _Verb) -> _Verb:
    for option in reversed(options):
        verb = option(verb)
    return verb
