"""Which CI run this is, by the variables that CI systems set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_KEY_DIGITS = 40  # of a SHA-256; enough that two keys never meet


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of a pipeline. ``attempt`` tells a run from its own repetition by a person."""

    name: str
    run_id: str
    url: str | None
    attempt: str
    actor: str | None
    repository: str | None
    sha: str | None


def find_pipeline(environ: Mapping[str, str]) -> PipelineRun | None:
    """The run that this process is part of, on GitHub Actions or GitLab CI; None elsewhere."""
    if environ.get("GITHUB_ACTIONS") == "true" and environ.get("GITHUB_RUN_ID"):
        return _on_github(environ)
    if environ.get("GITLAB_CI") == "true" and environ.get("CI_PIPELINE_ID"):
        return _on_gitlab(environ)
    return None


def derive_key(run: PipelineRun, parts: Sequence[str]) -> str:
    """The Idempotency-Key of one wish of one run: the same on every retry, another when a person runs the job again.

    A job run again may be a roll-back to what it deployed long ago, which is a new wish; so the attempt counts.
    """
    text = "\0".join((run.name, run.run_id, run.attempt, run.sha or "", run.actor or "", *parts))
    return "ci-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_KEY_DIGITS]


def _on_github(environ: Mapping[str, str]) -> PipelineRun:
    repository, run_id = environ.get("GITHUB_REPOSITORY"), environ["GITHUB_RUN_ID"]
    server = environ.get("GITHUB_SERVER_URL")
    return PipelineRun(
        name=environ.get("GITHUB_WORKFLOW") or "github-actions",
        run_id=run_id,
        url=f"{server}/{repository}/actions/runs/{run_id}" if server and repository else None,
        attempt=environ.get("GITHUB_RUN_ATTEMPT", "1"),
        actor=environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR"),
        repository=repository,
        sha=environ.get("GITHUB_SHA"),
    )


def _on_gitlab(environ: Mapping[str, str]) -> PipelineRun:
    return PipelineRun(
        name=environ.get("CI_PIPELINE_NAME") or environ.get("CI_PROJECT_PATH") or "gitlab-ci",
        run_id=environ["CI_PIPELINE_ID"],
        url=environ.get("CI_PIPELINE_URL"),
        attempt=environ.get("CI_JOB_ID", ""),
        actor=environ.get("GITLAB_USER_LOGIN"),
        repository=environ.get("CI_PROJECT_PATH"),
        sha=environ.get("CI_COMMIT_SHA"),
    )
