"""The table of a GitHub hook."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.formats.declarations.naming import missing_words, template_words
from bridge.formats.hook_settings import ReportingHookSettings

IMAGE_WORDS = ("owner", "repository", "ref", "sha", "environment")


def _check_image(text: str) -> str:
    if unknown := missing_words(template_words(text), IMAGE_WORDS):
        known = ", ".join(f"{{{word}}}" for word in IMAGE_WORDS)
        msg = f"{unknown} stands for nothing here: expected some of {known}"
        raise ValueError(msg)
    return text


class GithubHookSettings(ReportingHookSettings):
    """A webhook of a repository, organization or app; content type JSON or form; events: push, deployment_status, package."""

    kind: Literal["github"] = Field(description="github")
    image: Annotated[str, AfterValidator(_check_image)] | None = Field(
        default=None,
        description="the image that a deployment of GitHub deploys, a template of {owner}, {repository}, {ref}, {sha}, "
        "{environment}; default: what its payload says under `image` or `images`",
    )
