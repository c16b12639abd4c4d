"""``/healthz``, ``/readyz``, ``/metrics`` and the index: for probes, scrapers and people who arrive without a map."""

from __future__ import annotations

import html

import msgspec
from aiohttp import web

from bridge.api.endpoint import Call, json_answer


async def answer_alive(call: Call) -> web.StreamResponse:  # noqa: ARG001 - every handler is given its call
    """The event loop turns: nothing else is claimed."""
    return json_answer(b'{"status":"alive"}')


async def answer_ready(call: Call) -> web.StreamResponse:
    """Whether the daemon can do its work, and what stands in the way."""
    report = call.wiring.health()
    body = msgspec.json.encode({"ready": report.ready, **report.details})
    return json_answer(body, status=200 if report.ready else 503, headers={"Cache-Control": "no-store"})


async def show_metrics(call: Call) -> web.StreamResponse:
    """Every metric, as OpenMetrics where the scraper accepts it."""
    body, content_type = call.wiring.metrics.exposition(call.request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


async def show_index(call: Call) -> web.StreamResponse:
    """A page of links; without scripts, styles or anything from elsewhere."""
    page = _INDEX.format(version=html.escape(call.wiring.version))
    security = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=page, content_type="text/html", headers=security)


_INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>deploybridge</title></head><body>
<h1>deploybridge {version}</h1>
<p>One append-only log of what was deployed where and when.</p>
<ul>
<li><a href="/api/v1/state">What runs, and what was meant to run</a></li>
<li><a href="/api/v1/events">The log</a></li>
<li><a href="/api/v1/compare">The two models compared</a></li>
<li><a href="/api/v1/noise">How much of the infra history is image bumps</a></li>
<li><a href="/api/v1/export?format=csv">The whole log as CSV</a></li>
<li><a href="/openapi.json">Every call, described (OpenAPI 3.1)</a></li>
<li><a href="/readyz">Is the bridge ready?</a></li>
<li><a href="/metrics">Metrics</a></li>
</ul>
</body></html>
"""
