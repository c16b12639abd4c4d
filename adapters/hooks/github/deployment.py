"""``deployment_status``: how far a deployment that GitHub keeps is.

Shape: docs.github.com, "Webhook events and payloads" and "REST API: deployments". GitHub knows a commit and no image, so the image
comes from the deployment's own ``payload`` or from the configured template; without either only the times are told.
"""

from __future__ import annotations

import msgspec

from bridge.domain.facts import ObservationReported
from bridge.domain.legs import tell
from bridge.domain.linking import INTENT_LABEL
from bridge.domain.names import ImageRef, Phase
from bridge.formats.declarations.naming import fill_template
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import HookReporter, read_images, read_time
from bridge.formats.mapping import Subject
from bridge.ports import HookRequest

# ``inactive`` is a guess of GitHub's when another deployment succeeds; queued and pending say that nothing happened yet.
_PHASES = {"in_progress": Phase.STARTED, "success": Phase.LIVE, "failure": Phase.FAILED, "error": Phase.FAILED}


class _User(msgspec.Struct):
    login: str


class _Status(msgspec.Struct):
    state: str
    created_at: str
    description: str | None = None
    environment: str | None = None
    creator: _User | None = None


class _Deployment(msgspec.Struct):
    id: int
    sha: str
    ref: str
    environment: str
    created_at: str | None = None
    creator: _User | None = None
    payload: msgspec.Raw = msgspec.Raw(b"")


class _Repository(msgspec.Struct):
    name: str
    owner: _User


class _Event(msgspec.Struct):
    deployment_status: _Status
    deployment: _Deployment
    repository: _Repository


class _Payload(msgspec.Struct, rename={"intent_id": INTENT_LABEL}):
    """What whoever made the deployment gave along, as far as it concerns a bridge."""

    image: str | None = None
    images: list[str] | None = None
    intent_id: str | None = None


_event = msgspec.json.Decoder(_Event)
_payload = msgspec.json.Decoder(_Payload)
_text = msgspec.json.Decoder(str)


def read_deployment_status(
    request: HookRequest, reporter: HookReporter, image: str | None
) -> ObservationReported | None:
    """The report; None for states that say nothing of what runs. ``image`` is the configured template."""
    event = read_body(_event, request.headers, request.body)
    status, deployment, repository = event.deployment_status, event.deployment, event.repository
    phase = _PHASES.get(status.state)
    if phase is None:
        return None
    payload = _read_payload(deployment.payload)
    environment = status.environment or deployment.environment
    words = {
        "owner": repository.owner.login.lower(),  # a registry's repositories are in lower case, GitHub's need not be
        "repository": repository.name.lower(),
        "ref": deployment.ref,
        "sha": deployment.sha,
        "environment": environment,
    }
    at = read_time(status.created_at, "deployment_status.created_at")
    begun = (at, "deployment_status in_progress") if phase is Phase.STARTED else None
    return reporter.report(
        Subject("Deployment", repository.name, environment, repository.owner.login),
        phase,
        at,
        artifacts=_artifacts(payload, image, words),
        intent_id=payload.intent_id,
        actor=(deployment.creator or status.creator or _User("")).login,
        legs=tell(sync_started=begun),
        details={
            "deployment": str(deployment.id),
            "commit": deployment.sha,
            "reason": status.description if phase is Phase.FAILED else None,
        },
    )


def _artifacts(payload: _Payload, template: str | None, words: dict[str, str]) -> list[ImageRef]:
    given = [*(payload.images or ()), *([payload.image] if payload.image else ())]
    if not given and template is not None:
        given = [fill_template(template, words)]
    return read_images(given)


def _read_payload(raw: msgspec.Raw) -> _Payload:
    """It is an object, or a text that holds one; whatever else it is concerns somebody else."""
    text = bytes(raw)
    try:
        if text.startswith(b'"'):
            text = _text.decode(text).encode()
        return _payload.decode(text) if text else _Payload()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return _Payload()
