"""Reading answers of the API in tests."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse

INTENT = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v1"]}
OBSERVATION = {**INTENT, "observer": "cd"}


async def problem(response: ClientResponse, status: int, slug: str) -> dict[str, Any]:
    """The problem of a response, checked to be one of that status and type."""
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "application/problem+json"
    said: dict[str, Any] = await response.json(content_type=None)
    assert said["type"] == f"urn:deploybridge:problem:{slug}", said
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    return said
