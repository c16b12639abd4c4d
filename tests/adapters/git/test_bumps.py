"""Two versions of a file: what follows without parsing is what parsing gives, and what differs is told apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters.sources.git.bumps import NO_BUMP, Bump, Version, compare_versions, frame_of
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

DIGEST = "sha256:" + "a" * 64

# A file of each format that declares one image; %s stands for the tag as it is written, in whatever style.
FILES = {
    "kustomize": "kind: Kustomization\nimages:\n- name: shop\n  newName: ghcr.io/acme/shop\n  newTag: %s\n",
    "helm-values": "shop:\n  image:\n    repository: ghcr.io/acme/shop\n    tag: %s\n  replicas: 2\n",
    "helm-release": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop}\nspec:\n"
    "  values:\n    image:\n      repository: ghcr.io/acme/shop\n      tag: %s\n",
    "manifests": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec:\n  containers:\n  - name: shop\n"
    "    image: ghcr.io/acme/shop:%s\n",
    "argocd": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  source:\n"
    "    repoURL: https://git.example.org/x\n    helm:\n      parameters:\n      - name: image.tag\n        value: %s\n",
    "argocd-source": "kustomize:\n  images:\n  - ghcr.io/acme/shop:%s\n",
    "setters": 'spec:\n  tag: %s # {"$imagepolicy": "apps:shop:tag"}\n',
    "keys": "tag: %s\nother: 1\n",
    "auto": "shop:\n  image:\n    repository: ghcr.io/acme/shop\n    tag: %s\n",
}
RULES = {
    name: RuleSet(
        [
            RuleSettings.model_validate(
                {"files": "{environment}/{service}.yaml", "format": name} | ({"tag": "tag"} if name == "keys" else {})
            )
        ]
    )
    for name in FILES
}
WORDS = ("v1", "v2", "1.10", "7", "1e3", "0x1f", "2024-01-01", "1_0", "null1", "b939f1d", "latest", "010", "1.5.0-rc.1")
STYLES = ("%s", "'%s'", '"%s"', "!!str %s", "&anchor %s", "|-\n            %s", "%s # comment")
ESCAPED = '"\\x31.\\x31\\u0030"'  # 1.10
# What may stand before or after it: mentions of the same words, an alias, other documents.
AROUND = (
    "",
    "# {}\n",
    "note: {}\n",
    "note: '{}'\n",
    "---\n",
    "---\nkind: Other\nversion: {}\n",
    "x-{}: y\n",
    "{{{{ .{} }}}}\n",
)
REST = st.tuples(st.sampled_from(AROUND), st.sampled_from(WORDS)).map(lambda pair: pair[0].format(pair[1]))


def read(file_format: str, data: bytes) -> tuple[Declaration, ...] | None:
    try:
        return RULES[file_format].read("production/shop.yaml", data)
    except Unreadable:
        return None


@given(
    st.sampled_from(sorted(FILES)),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(STYLES)).map(lambda pair: pair[1] % pair[0]) | st.just(ESCAPED),
    st.sampled_from(WORDS) | st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True),
    REST,
    REST,
)
@example("keys", ESCAPED, "2.20", "# 1.10\n", "")
def test_what_a_frame_declares_is_what_the_file_does(
    file_format: str, written: str, word: str, before: str, after: str
) -> None:
    old = (before + FILES[file_format] % written + after).encode()
    declared = read(file_format, old)
    assume(declared)
    assert declared is not None
    frame = frame_of(old, declared)
    if frame is None:
        return
    new = frame.start + word.encode() + frame.end
    found = frame.declared_in(new)
    if found is not None:
        assert read(file_format, new) == (found,)


@pytest.mark.parametrize("file_format", sorted(FILES))
def test_every_format_has_files_that_are_framed(file_format: str) -> None:
    old, new = ((FILES[file_format] % tag).encode() for tag in ("v41", "v42"))
    declared = read(file_format, old)
    assert declared is not None
    frame = frame_of(old, declared)
    assert frame is not None
    found = frame.declared_in(new)
    assert found is not None
    assert (found.image.tag, read(file_format, new)) == ("v42", (found,))


@given(st.binary(max_size=60))
def test_any_other_bytes_are_in_no_frame_or_differ_in_the_word_only(data: bytes) -> None:
    old = b"tag: v1\nother: 1\n"
    declared = read("keys", old)
    assert declared is not None
    frame = frame_of(old, declared)
    assert frame is not None
    found = frame.declared_in(data)
    assert found is None or data == frame.start + str(found.image.tag).encode() + frame.end


@pytest.mark.parametrize(
    "data",
    [b"", b"tag: \nother: 1\n", b"tag: v1", b"other: 1\n", b"tag: v1 \nother: 1\n", b"tag: latest\nother: 1\n",
     b"tag: v2\nother: 2\n", b"tag: v2:1\nother: 1\n", b"tag: 'v2'\nother: 1\n", b"tag: v2.\nother: 1\n"],
)  # fmt: skip
def test_what_is_more_than_another_version_is_read_as_a_whole(data: bytes) -> None:
    declared = read("keys", b"tag: v1\nother: 1\n")
    assert declared is not None
    frame = frame_of(b"tag: v1\nother: 1\n", declared)
    assert frame is not None
    assert frame.declared_in(data) is None


def test_a_digest_without_its_algorithm_is_a_version_all_the_same() -> None:
    rules = RuleSet([RuleSettings.model_validate({"files": "{environment}/{service}.yaml", "format": "helm-values"})])
    old, new = (b"image: {repository: acme/shop, sha: %s}\n" % (digit * 64) for digit in (b"a", b"b"))
    before, after = (
        [version(one.pointer, one.image.tag, one.image.digest) for one in rules.read("prod/shop.yaml", data)]
        for data in (old, new)
    )
    assert compare_versions(old, new, before, after) == Bump(has_versions=True, lines=1)


def version(place: str, tag: str | None = None, digest: str | None = None) -> Version:
    return Version(place, tag, digest)


OLD = [version("a", "v1"), version("b", "v1", "sha256:" + "1" * 8)]


@pytest.mark.parametrize(
    ("new", "after", "bump"),
    [
        (b"a: v2\nb: v1@sha256:11111111\n", [version("a", "v2"), OLD[1]], Bump(has_versions=True, lines=1)),
        (b"a: v2\nb: v3@sha256:2\n", [version("a", "v2"), version("b", "v3", "sha256:2")], Bump(has_versions=True, lines=2)),
        (b"a: v1\nb: v1@sha256:2\n", [OLD[0], version("b", "v1", "sha256:2")], Bump(has_versions=True, lines=1)),
        (b"a: v2\nb: v1@sha256:11111111\n\n", [version("a", "v2"), OLD[1]], Bump(has_versions=True, lines=None)),
        (b"A: v2\nb: v1@sha256:11111111\n", [version("a", "v2"), OLD[1]], Bump(has_versions=True, lines=None)),
        (b"a: v2\n", [version("a", "v2")], Bump(has_versions=True, lines=None)),
        (b"a: v2\nb: v1\n", [version("a", "v2"), version("b", "v1")], Bump(has_versions=True, lines=None)),
        (b"A: v1\nb: v1@sha256:11111111\n", OLD, NO_BUMP),
        (b"a: v2\n", [version("A", "v2")], NO_BUMP),
        (b"", [], NO_BUMP),
    ],
)  # fmt: skip
def test_two_versions_of_a_file_differ_in_versions_in_more_or_in_something_else(
    new: bytes, after: list[Version], bump: Bump
) -> None:
    assert compare_versions(b"a: v1\nb: v1@sha256:11111111\n", new, OLD, after) == bump


def test_a_file_made_to_cost_much_is_compared_soon() -> None:
    count = 20_000
    before = [version(str(number), f"1.{number}") for number in range(count)]
    after = [version(str(number), f"2.{number}") for number in range(count)]
    old, new = ("".join(f"{each.place}: {each.tag}\n" for each in some).encode() for some in (before, after))
    began = time.process_time()
    assert compare_versions(old, new, before, after) == Bump(has_versions=True, lines=None)
    assert compare_versions(old, new, before[:500], after[:500]) == Bump(has_versions=True, lines=None)
    one, other = (b"".join(b"%d: %s\n" % (number, word) for number in range(count)) for word in (b"v1", b"v2"))
    assert compare_versions(one, other, [version("a", "v1")], [version("a", "v2")]) == Bump(
        has_versions=True, lines=count
    )
    assert time.process_time() - began < 2
