"""Revisions of every shape that Flux writes (fluxcd/pkg git/git.go, source-controller docs/spec/v1)."""

from __future__ import annotations

import pytest

from adapters.observers.flux.revisions import parse_revision

COMMIT = "450796ddb2ab6724ee1cc32a4be56da032d1cca0"
DIGEST = "457df0544ec2553176bbaaba70bf5b68af6c400eff510a401b8eba1b13f9a8ad"


@pytest.mark.parametrize(
    ("text", "ref", "digest", "commit"),
    [
        (f"main@sha1:{COMMIT}", "main", COMMIT, COMMIT),
        (f"refs/heads/main@sha1:{COMMIT}", "refs/heads/main", COMMIT, COMMIT),
        (f"feat/x@y@sha1:{COMMIT}", "feat/x@y", COMMIT, COMMIT),
        (f"v1.0.1@sha1:{COMMIT}", "v1.0.1", COMMIT, COMMIT),
        (f"sha1:{COMMIT}", None, COMMIT, COMMIT),
        (f"latest@sha256:{DIGEST}", "latest", DIGEST, None),
        (f"6.1.8@sha256:{DIGEST}", "6.1.8", DIGEST, None),
        (f"sha256:{DIGEST}", None, DIGEST, None),
        (f"main/{COMMIT}", "main", COMMIT, COMMIT),
        (f"feat/x/{COMMIT}", "feat/x", COMMIT, COMMIT),
        (f"6.1.8/{COMMIT}", "6.1.8", COMMIT, COMMIT),
        ("6.6.1", "6.6.1", None, None),
        ("1.2.3+abc", "1.2.3+abc", None, None),
        ("6.6.1+0cc9a8446c95", "6.6.1", "0cc9a8446c95", None),
        ("whatever CI wrote", "whatever CI wrote", None, None),
        ("", "", None, None),
    ],
)
def test_a_revision_is_read(text: str, ref: str | None, digest: str | None, commit: str | None) -> None:
    found = parse_revision(text)
    assert (found.ref, found.digest, found.commit) == (ref, digest, commit)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (f"main@sha1:{COMMIT}", f"main/{COMMIT}", True),
        (f"main@sha1:{COMMIT}", f"refs/heads/main@sha1:{COMMIT}", True),
        ("3.13.0+457df0544ec2", f"3.13.0@sha256:{DIGEST}", True),
        (f"main@sha1:{COMMIT}", f"main@sha1:{COMMIT[::-1]}", False),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2.4", False),
        ("1.2.3", f"1.2.3@sha256:{DIGEST}", False),
    ],
)
def test_two_ways_to_write_one_revision_are_the_same(one: str, other: str, *, same: bool) -> None:
    assert parse_revision(one).names(parse_revision(other)) is same
    assert parse_revision(other).names(parse_revision(one)) is same
