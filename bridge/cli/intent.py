"""``deploybridge intent``: declare from CI, and perhaps wait for the end."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bridge.cli.asking import Answer
from bridge.cli.declaring import Bridge, declare, wait_until_final
from bridge.cli.exits import NO, OK
from bridge.cli.http_calls import open_session
from bridge.cli.options import chosen_origin, format_option, origin_options
from bridge.cli.origin import Origin
from bridge.cli.pipelines import PipelineRun, derive_key, find_pipeline
from bridge.cli.terminal import note, short_artifacts, span, write_json
from bridge.clock import SystemClock
from bridge.domain.names import parse_image, parse_name
from bridge.errors import Refused
from bridge.formats.configuration import parse_duration

_REASONS = ("release", "hotfix", "rollback", "config", "flush")


@click.command("intent")
@click.argument("service")
@click.argument("environment")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--wait", metavar="TIME", help="Wait so long (e.g. 10m) for the end: exit 0 if it succeeded, 1 if not.")
@click.option("--reason", type=click.Choice(_REASONS), help="Why.")
@click.option("--requested-by", metavar="WHO", help="On whose behalf; default: the CI's own word.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Kept with the intent; may be repeated.")
@click.option("--idempotency-key", metavar="KEY", help="The same key is the same intent; default: by the CI run.")
@origin_options
@format_option
def command(
    *,
    wait: str | None,
    form: str,
    url: str | None,
    config: Path | None,
    token_file: Path | None,
    **given: Any,  # noqa: ANN401 - click's options
) -> int:
    """Declare that SERVICE is to run IMAGE... in ENVIRONMENT.

    Safe to repeat: within one CI run (GitHub Actions, GitLab CI) the same declaration is one intent.
    """
    limit = _parse_wait(wait)
    origin = chosen_origin({"url": url, "config": config, "token_file": token_file})
    run = find_pipeline(os.environ)
    body = _body(given, run)
    key = given["idempotency_key"] or _key(run, given)
    return asyncio.run(_declare(_reachable(origin), body, key, limit, form))


async def _declare(origin: Origin, body: dict[str, object], key: str, limit: timedelta | None, form: str) -> int:
    assert origin.url is not None, "only a URL can be declared to"
    async with open_session(origin.url, origin.token) as session:
        console = Console(stderr=True)
        bridge = Bridge(session, origin.url, SystemClock(), note)
        intent = await declare(bridge, body, key)
        if form == "table":
            print(f"{intent['id']} {intent['environment']}/{intent['service']}: {_what(intent)}")
        if limit is None:
            if form == "json":
                write_json(intent)
            return OK
        with console.status("waiting") if console.is_terminal else _Silence():
            answer = await wait_until_final(bridge, intent, limit.total_seconds())
    if form == "json":
        write_json(answer)
    return _conclude(answer, limit, form)


def _conclude(answer: Answer, limit: timedelta, form: str) -> int:
    state = str(answer.get("state"))
    if not answer.get("final"):
        note(f"not finished after {span(limit.total_seconds())}: the intent is {state}")
    elif form == "table":
        lead = answer.get("lead_seconds")
        print(f"{state} after {span(lead)}" if isinstance(lead, int | float) else state)
    return OK if state == "succeeded" else NO


def _body(given: dict[str, Any], run: PipelineRun | None) -> dict[str, object]:
    """The declaration, checked here already: a typing error is told before anything is sent."""
    try:
        body: dict[str, object] = {
            "service": parse_name(given["service"], "the name of a service"),
            "environment": parse_name(given["environment"], "the name of an environment"),
            "artifacts": [str(parse_image(image)) for image in given["images"]],
        }
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if given["reason"]:
        body["reason"] = given["reason"]
    if given["labels"]:
        body["labels"] = dict(_parse_label(label) for label in given["labels"])
    if who := given["requested_by"] or (run.actor if run else None):
        body["requested_by"] = who
    if run:
        body["pipeline"] = {"name": run.name, "run_id": run.run_id} | ({"url": run.url} if run.url else {})
    return body


def _key(run: PipelineRun | None, given: dict[str, Any]) -> str:
    if run is None:
        return f"cli-{uuid.uuid4()}"
    words = (given["service"], given["environment"], *sorted(given["images"]), given["reason"] or "", *given["labels"])
    return derive_key(run, (*words, given["requested_by"] or ""))


def _reachable(origin: Origin) -> Origin:
    """A declaration goes to the daemon: a configuration is only good for where that listens."""
    if origin.config is None:
        return origin
    from bridge import compose  # noqa: PLC0415 - CI declares by URL and need not load the daemon's half

    host, port = compose.load(origin.config).listen_address
    if port == 0:
        raise Refused(f"{origin.config} lets the daemon take a free port: give the address it printed with --url")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what is replaced, not what is bound
    return Origin(url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", token=origin.token)


def _parse_wait(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--wait") from None


def _parse_label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"expected KEY=VALUE, got {text!r}", param_hint="--label")
    return name, value


def _what(intent: Answer) -> str:
    return short_artifacts(intent["artifacts"]).replace("\n", " ")


class _Silence:
    """No sign of waiting, where nobody sits at a terminal."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()
