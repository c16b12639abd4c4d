"""Package URLs of container images, as CDEvents name artifacts.

``pkg:oci/shop@sha256%3A…?repository_url=ghcr.io%2Facme%2Fshop&tag=v1``, in the grammar of package-url/purl-spec. Of its types
``oci`` (the version is a digest, the repository a qualifier) and ``docker`` (namespace and name make the repository, its registry
is a qualifier) are images.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote

from bridge.domain.names import ImageRef, make_image, parse_image

_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}\Z")
_LONGEST = 2048  # characters
_MOST_QUALIFIERS = 32


def read_image_purl(text: str) -> ImageRef:
    """The image that a package URL names; a plain image reference is taken too.

    Raises:
        ValueError: it is neither, it is of another type, or it names no version.
    """
    if len(text) > _LONGEST:
        msg = f"a package URL of {len(text)} characters is too long: at most {_LONGEST}"
        raise ValueError(msg)
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() != "pkg":
        return parse_image(text)
    rest, _, query = rest.partition("#")[0].partition("?")
    path, _, version = rest.strip("/").rpartition("@") if "@" in rest else (rest.strip("/"), "", "")
    kind, *names = [unquote(part) for part in path.split("/") if part]
    if kind.lower() not in {"oci", "docker"} or not names:
        msg = f"{text[:80]!r} names no container image: expected a package URL of the type oci or docker"
        raise ValueError(msg)
    return _image(kind.lower(), names, unquote(version), _qualifiers(query))


def _image(kind: str, names: list[str], version: str, qualifiers: dict[str, str]) -> ImageRef:
    digest = version if _DIGEST.match(version) else None
    tag = qualifiers.get("tag") or (version if version and digest is None else None)
    where = qualifiers.get("repository_url", "").removeprefix("https://").removeprefix("http://").strip("/")
    if kind == "docker":
        return make_image("/".join([where, *names] if where else names), tag, digest)
    if where and where.rpartition("/")[2] != names[-1]:
        where = f"{where}/{names[-1]}"  # some give the registry or the namespace only
    return make_image(where or None, tag, digest)


def _qualifiers(query: str) -> dict[str, str]:
    try:
        given = parse_qs(query, max_num_fields=_MOST_QUALIFIERS)
    except ValueError:
        msg = f"a package URL with more than {_MOST_QUALIFIERS} qualifiers is not read"
        raise ValueError(msg) from None
    return {key.lower(): values[0] for key, values in given.items()}
