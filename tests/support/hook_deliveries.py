"""What Git hosts post for a push: the documented shape of each, with some of the fields that are not read.

Hosts, people and hashes are made up. Each says which document has the shape.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

TIP = "b939f1d93084ff7b010b01ad29102d61534b26a6"
BEFORE = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
ZEROS = "0" * 40
SECRET = "It's a Secret to Everybody"


@dataclass(frozen=True)
class Delivery:
    kind: str
    headers: dict[str, str]
    body: Any
    signature: str | None  # the header that holds the HMAC; None: the secret itself stands in X-Gitlab-Token
    prefix: str = "sha256="
    raw: bytes = field(default=b"")

    @property
    def data(self) -> bytes:
        return self.raw or json.dumps(self.body).encode()

    def signed(self, secret: str = SECRET) -> dict[str, str]:
        """The headers as the host would send them."""
        if self.signature is None:
            return {**self.headers, "X-Gitlab-Token": secret}
        digest = hmac.new(secret.encode(), self.data, hashlib.sha256).hexdigest()
        return {**self.headers, self.signature: self.prefix + digest}


JSON = {"Content-Type": "application/json"}


def github(ref: str = "refs/heads/main", after: str = TIP, url: str = "https://github.com/acme/infra.git") -> Delivery:
    """docs.github.com, "Webhook events and payloads", push (2026)."""
    body = {
        "ref": ref,
        "before": BEFORE,
        "after": after,
        "created": False,
        "deleted": after == ZEROS,
        "forced": False,
        "base_ref": None,
        "commits": [{"id": TIP, "timestamp": "2026-08-21T18:40:39+02:00", "modified": ["tags/production/shop"]}],
        "head_commit": {"id": TIP, "message": "Bump shop"},
        "repository": {
            "full_name": "acme/infra",
            "html_url": url.removesuffix(".git"),
            "clone_url": url,
            "ssh_url": "git@github.com:acme/infra.git",
        },
        "pusher": {"name": "ada"},
    }
    headers = {**JSON, "X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    return Delivery("github", headers, body, "X-Hub-Signature-256")


def gitlab(ref: str = "refs/heads/main", after: str = TIP) -> Delivery:
    """docs.gitlab.com, "Webhook events", push events (18.x)."""
    body = {
        "object_kind": "push",
        "event_name": "push",
        "before": BEFORE,
        "after": after,
        "ref": ref,
        "checkout_sha": after,
        "user_name": "Ada",
        "project": {
            "id": 15,
            "web_url": "https://gitlab.example.org/acme/infra",
            "git_ssh_url": "git@gitlab.example.org:acme/infra.git",
            "git_http_url": "https://gitlab.example.org/acme/infra.git",
            "path_with_namespace": "acme/infra",
        },
        "commits": [{"id": TIP}],
        "total_commits_count": 1,
    }
    headers = {**JSON, "X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e"}
    return Delivery("gitlab", headers, body, None)


def gitlab_system(event_name: str = "repository_update") -> Delivery:
    """docs.gitlab.com, "System hooks", repository update events (18.x)."""
    body = {
        "event_name": event_name,
        "user_name": "Ada",
        "project_id": 15,
        "project": gitlab().body["project"],
        "changes": [
            {"before": BEFORE, "after": TIP, "ref": "refs/heads/main"},
            {"before": BEFORE, "after": ZEROS, "ref": "refs/heads/old"},
        ],
        "refs": ["refs/heads/main", "refs/heads/old"],
    }
    return Delivery("gitlab", {**JSON, "X-Gitlab-Event": "System Hook"}, body, None)


def gitea(ref: str = "refs/heads/main", after: str = TIP) -> Delivery:
    """docs.gitea.com, "Webhooks" (1.24)."""
    body = {
        "ref": ref,
        "before": BEFORE,
        "after": after,
        "compare_url": "https://gitea.example.org/acme/infra/compare/6113728...b939f1d",
        "commits": [{"id": TIP, "message": "Bump shop"}],
        "repository": {
            "id": 140,
            "full_name": "acme/infra",
            "html_url": "https://gitea.example.org/acme/infra",
            "ssh_url": "git@gitea.example.org:acme/infra.git",
            "clone_url": "https://gitea.example.org/acme/infra.git",
        },
        "pusher": {"login": "ada"},
    }
    delivery = "f6266f16-1bf3-46a5-9ea4-602e06ead473"
    imitated = {f"X-{name}-Event": "push" for name in ("Gogs", "GitHub", "Gitea")}
    return Delivery("gitea", {**JSON, **imitated, "X-Gitea-Delivery": delivery}, body, "X-Gitea-Signature", prefix="")


def forgejo() -> Delivery:
    """forgejo.org/docs, "Webhooks" (latest, 2026): the same under its own name."""
    given = gitea()
    return Delivery("gitea", {**JSON, "X-Forgejo-Event": "push"}, given.body, "X-Forgejo-Signature", prefix="")


def bitbucket_cloud() -> Delivery:
    """support.atlassian.com, "Event payloads", repo:push (2026)."""
    target = {"type": "commit", "hash": TIP, "message": "Bump shop"}
    body = {
        "actor": {"type": "user", "display_name": "Ada"},
        "repository": {
            "type": "repository",
            "full_name": "acme/infra",
            "links": {"html": {"href": "https://bitbucket.org/acme/infra"}},
            "scm": "git",
        },
        "push": {
            "changes": [
                {
                    "new": {"type": "branch", "name": "main", "target": target},
                    "old": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": BEFORE}},
                    "created": False,
                    "forced": False,
                    "closed": False,
                    "commits": [target],
                    "truncated": True,
                },
                {"new": None, "old": {"type": "tag", "name": "v1", "target": target}, "closed": True},
            ]
        },
    }
    headers = {**JSON, "X-Event-Key": "repo:push", "X-Request-UUID": "0d6c1f6f", "X-Attempt-Number": "1"}
    return Delivery("bitbucket", headers, body, "X-Hub-Signature")


def bitbucket_server(*, links: bool = False) -> Delivery:
    """confluence.atlassian.com, Bitbucket Data Center 8.15, "Event payload", repo:refs_changed; newer versions add ``links``."""
    repository: dict[str, Any] = {
        "slug": "infra",
        "id": 84,
        "name": "infra",
        "scmId": "git",
        "project": {"key": "ACME", "id": 84, "name": "Acme", "type": "NORMAL"},
    }
    if links:
        clone = [
            {"href": "ssh://git@bitbucket.example.org:7999/acme/infra.git", "name": "ssh"},
            {"href": "https://bitbucket.example.org/scm/acme/infra.git", "name": "http"},
        ]
        repository["links"] = {"clone": clone}
    change = {
        "ref": {"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"},
        "refId": "refs/heads/main",
        "fromHash": BEFORE,
        "toHash": TIP,
        "type": "UPDATE",
    }
    body = {
        "eventKey": "repo:refs_changed",
        "date": "2026-08-21T18:40:39+0200",
        "repository": repository,
        "changes": [change],
    }
    headers = {**JSON, "X-Event-Key": "repo:refs_changed", "X-Request-Id": "f6266f16"}
    return Delivery("bitbucket", headers, body, "X-Hub-Signature")


PUSHES = {
    "github": github(),
    "gitlab": gitlab(),
    "gitlab system hook": gitlab_system(),
    "gitea": gitea(),
    "forgejo": forgejo(),
    "bitbucket cloud": bitbucket_cloud(),
    "bitbucket data center": bitbucket_server(),
    "bitbucket data center with links": bitbucket_server(links=True),
}
