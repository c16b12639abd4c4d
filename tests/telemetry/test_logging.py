from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError

from bridge.telemetry.logging import HIDDEN, configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_json_lines_carry_event_level_time_and_keys() -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    structlog.get_logger().info("facts_recorded", source="infra", facts=3)
    line = json.loads(out.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {"event": "facts_recorded", "level": "info", "source": "infra", "facts": 3}


def test_lines_of_libraries_look_the_same() -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    logging.getLogger("aiohttp.server").warning("connection %s lost", 7)
    assert json.loads(out.getvalue())["event"] == "connection 7 lost"


def test_chatter_of_libraries_is_left_out() -> None:
    out = io.StringIO()
    configure_logging("json", "debug", out)
    logging.getLogger("watchfiles.main").info("9 changes detected")
    logging.getLogger("aiohttp.access").info("GET /healthz")
    assert out.getvalue() == ""


@pytest.mark.parametrize("error", [BadHttpMessage("Authorization pl4nted"), RequestPayloadError("pl4nted")])
def test_a_request_that_is_no_http_is_one_line_without_its_words(error: Exception) -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "192.0.2.1", exc_info=error)
    line = json.loads(out.getvalue())
    del line["time"]
    assert line == {"event": "malformed_request", "level": "info"}


def test_a_request_that_is_no_http_is_left_out_above_info() -> None:
    out = io.StringIO()
    configure_logging("json", "warning", out)
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=BadHttpMessage("no HTTP"))
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=ValueError("our bug"))
    assert "our bug" in json.loads(out.getvalue())["exception"]


def test_lines_below_the_level_are_not_written() -> None:
    out = io.StringIO()
    configure_logging("console", "warning", out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud", why="because")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_auto_writes_json_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    configure_logging("auto", "info", out)
    structlog.get_logger().info("started")
    assert json.loads(out.getvalue())["event"] == "started"


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_left_out_by_key_and_inside_text_and_tracebacks(form: str) -> None:
    out = io.StringIO()
    configure_logging("json" if form == "json" else "console", "info", out)
    logger = structlog.get_logger()
    logger.info(
        "sent", headers={"Authorization": "Bearer pl4nted"}, api_key="pl4nted", nested=[{"password": "pl4nted"}]
    )
    logger.info("fetching https://bot:pl4nted@git.example.org/infra.git", header="Authorization: Bearer pl4nted-secret")
    try:
        raise ValueError("https://pl4nted@git.example.org refused")  # noqa: TRY301 - a traceback is what is wanted
    except ValueError:
        logger.exception("failed")
    written = out.getvalue()
    assert "pl4nted" not in written
    assert HIDDEN in written
    assert "git.example.org" in written
    assert "Traceback" in written
