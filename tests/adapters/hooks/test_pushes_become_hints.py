"""Every Git host's push is read into the same hint, once it proves that it knows the secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import catalog
from adapters.sources.git.hinted import follows, is_same_repository
from bridge.errors import Refused
from bridge.ports import Hint, HookDecoder, HookMessage, HookRequest
from tests.support import hook_deliveries as hosts
from tests.support.hook_deliveries import JSON, PUSHES, SECRET, TIP, Delivery

KINDS = ("github", "gitlab", "gitea", "bitbucket")
each_push = pytest.mark.parametrize("delivery", PUSHES.values(), ids=PUSHES)


def decoder(kind: str) -> HookDecoder:
    settings = catalog.import_settings()["hook", kind].model_validate({"kind": kind, "name": "pushes"})
    made: HookDecoder = catalog.import_adapter("hook", kind).open_decoder(settings)
    return made


def request(headers: dict[str, str], body: bytes) -> HookRequest:
    return HookRequest({name.lower(): value for name, value in headers.items()}, body)


def decode(delivery: Delivery) -> HookMessage | None:
    return decoder(delivery.kind).decode(request(delivery.headers, delivery.data))


@each_push
def test_a_push_names_the_repository_the_branch_and_the_new_tip(delivery: Delivery) -> None:
    message = decode(delivery)
    assert message is not None
    assert (message.reports, message.hints[0].ref, message.hints[0].revision) == ((), "refs/heads/main", TIP)
    host = {"github": "github.com", "bitbucket": "bitbucket.org"}.get(delivery.kind, f"{delivery.kind}.example.org")
    host = "bitbucket.example.org" if delivery in [hosts.bitbucket_server(links=n) for n in (True, False)] else host
    for url in (f"https://{host}/acme/infra.git", f"git@{host}:acme/infra", f"ssh://git@{host}:7999/Acme/infra.git"):
        assert any(is_same_repository(url, each) for each in message.hints[0].repositories), url
        assert not any(is_same_repository(url + "x", each) for each in message.hints[0].repositories), url


@each_push
def test_it_is_genuine_with_each_of_the_secrets_and_with_no_other(delivery: Delivery) -> None:
    reading, sent = decoder(delivery.kind), request(delivery.signed(), delivery.data)
    for secrets in ([SECRET], ["old", SECRET], [SECRET, "new"]):
        assert reading.is_genuine(sent, secrets)
    for secrets in (["old", "new"], [""], [SECRET + " "], [SECRET[:-1]]):
        assert not reading.is_genuine(sent, secrets)
    assert not reading.is_genuine(request(delivery.headers, delivery.data), [SECRET])
    assert not reading.is_genuine(request(delivery.headers, delivery.data), [""]), "an empty secret signs nothing"


@pytest.mark.parametrize("delivery", [each for each in PUSHES.values() if each.signature is not None])
def test_a_changed_byte_makes_a_signature_wrong(delivery: Delivery) -> None:
    forged = delivery.data.replace(TIP.encode(), hosts.BEFORE.encode())
    assert not decoder(delivery.kind).is_genuine(request(delivery.signed(), forged), [SECRET])


def test_github_s_own_example_of_a_signature_is_right() -> None:
    # docs.github.com, "Validating webhook deliveries", testing the webhook payload validation
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    sent = request({"X-Hub-Signature-256": signature}, b"Hello, World!")
    assert decoder("github").is_genuine(sent, ["It's a Secret to Everybody"])


def test_the_sha1_signature_alone_is_not_enough() -> None:
    sent = request({"X-Hub-Signature": "sha1=0123456789012345678901234567890123456789"}, b"{}")
    assert not decoder("github").is_genuine(sent, [SECRET])


@pytest.mark.parametrize("kind", ["github", "gitea"])
def test_a_form_is_read_like_json(kind: str) -> None:
    delivery = PUSHES[kind]
    form = b"payload=" + quote(delivery.data.decode()).encode()
    headers = {**delivery.headers, "Content-Type": "application/x-www-form-urlencoded"}
    assert decoder(kind).decode(request(headers, form)) == decode(delivery)


def test_a_deleted_branch_has_no_revision() -> None:
    for delivery in (hosts.github(after=hosts.ZEROS), hosts.gitlab(after=hosts.ZEROS), hosts.gitea(after=hosts.ZEROS)):
        message = decode(delivery)
        assert message is not None
        assert message.hints[0].revision is None
    assert decode(hosts.bitbucket_cloud()) == HookMessage(
        "repo:push",
        (
            Hint(("https://bitbucket.org/acme/infra",), "refs/heads/main", TIP),
            Hint(("https://bitbucket.org/acme/infra",), "refs/tags/v1", None),
        ),
    )


@pytest.mark.parametrize(
    ("kind", "headers"),
    [("github", {"X-GitHub-Event": "ping"}), ("bitbucket", {"X-Event-Key": "diagnostics:ping"})],
)
def test_a_ping_says_nothing_and_is_answered(kind: str, headers: dict[str, str]) -> None:
    message = decoder(kind).decode(request(headers, b'{"zen": "Keep it logically awesome."}'))
    assert message is not None
    assert (message.hints, message.reports) == ((), ())


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("github", {"X-GitHub-Event": "issues"}),
        ("github", {}),
        ("gitlab", {"X-Gitlab-Event": "Tag Push Hook"}),
        ("gitlab", {"X-Gitlab-Event": "System Hook"}),
        ("gitea", {"X-Gitea-Event": "issues"}),
        ("bitbucket", {"X-Event-Key": "pullrequest:created"}),
    ],
)
def test_other_events_are_no_business_of_a_bridge(kind: str, headers: dict[str, str]) -> None:
    assert decoder(kind).decode(request({**JSON, **headers}, b'{"event_name": "user_create"}')) is None


EVENTS: dict[str, list[dict[str, str]]] = {
    kind: [
        delivery.headers
        for name, delivery in PUSHES.items()
        if delivery.kind == kind and "system" not in name  # whose events are told apart in the body
    ]
    for kind in KINDS
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"null", b'{"ref": 1}', b"\xff\xfe", b'{"a":' * 100_000, b"[" * 100_000]
)
def test_a_body_that_is_no_such_event_is_refused_with_a_reason(kind: str, body: bytes) -> None:
    for headers in EVENTS[kind]:
        with pytest.raises(Refused, match="the body"):
            decoder(kind).decode(request(headers, body))
        with pytest.raises(Refused, match="the body"):
            decoder(kind).decode(request({**headers, "Content-Type": "application/x-www-form-urlencoded"}, body))


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["ref", "repository", "push", "changes", "project"]), inner)
    ),
)


@pytest.mark.parametrize("kind", KINDS)
@given(body=JSON_VALUES)
def test_any_json_is_read_or_refused(kind: str, body: Any) -> None:
    for headers in EVENTS[kind]:
        try:
            decode(Delivery(kind, headers, body, None))
        except Refused:
            continue


def test_a_branch_is_followed_by_its_name_only() -> None:
    assert follows("main", "refs/heads/main")
    assert not follows("main", "refs/heads/team/main")
    assert not follows("main", "refs/tags/main")
    assert follows("env/{environment}", "refs/heads/env/production")


@pytest.mark.parametrize(
    ("configured", "announced", "same"),
    [
        ("https://git.example.org/acme/infra", "git@git.example.org:acme/infra.git", True),
        ("https://git.example.org:8443/acme/infra.git/", "https://GIT.example.org/Acme/Infra", True),
        ("ssh://git@git.example.org:7999/acme/infra.git", "https://git.example.org/scm/acme/infra.git", True),
        ("https://git.example.org/acme/infra", "https://git.example.com/acme/infra", False),
        ("https://git.example.org/acme/infra", "https://git.example.org/acme/infra2", False),
        ("https://git.example.org/scm/acme/infra.git", "ACME/infra", True),
        ("https://git.example.org/scm/acme2/infra.git", "E2/infra", False),
        ("/srv/git/acme/infra.git", "https://git.example.org/acme/infra.git", False),
        ("https://git.example.org/acme/infra", "https://[::1/acme/infra", False),
        ("https://git.example.org/acme/infra", "", False),
    ],
)
def test_addresses_are_compared_by_host_and_path(configured: str, announced: str, *, same: bool) -> None:
    assert is_same_repository(configured, announced) is same
