"""Package URLs name the same images as references do."""

from __future__ import annotations

import pytest

from bridge.domain.names import ImageRef
from bridge.formats.purl import read_image_purl

DIGEST = "sha256:" + "0b" * 32


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (
            f"pkg:oci/shop@{DIGEST.replace(':', '%3A')}?repository_url=ghcr.io%2Facme%2Fshop&tag=v1",
            ImageRef("ghcr.io/acme/shop", "v1", DIGEST),
        ),
        (f"pkg:oci/shop@{DIGEST}?repository_url=ghcr.io/acme/shop", ImageRef("ghcr.io/acme/shop", None, DIGEST)),
        (f"pkg:oci/shop@{DIGEST}?repository_url=ghcr.io/acme", ImageRef("ghcr.io/acme/shop", None, DIGEST)),
        (f"pkg:oci/shop@{DIGEST}", ImageRef(None, None, DIGEST)),
        ("pkg:oci/shop@v1", ImageRef(None, "v1")),
        ("PKG:OCI/shop@v1#sub/path", ImageRef(None, "v1")),
        (
            "pkg:docker/acme/shop@v1?repository_url=registry.example.org",
            ImageRef("registry.example.org/acme/shop", "v1"),
        ),
        ("pkg:docker/nginx@1.27", ImageRef("nginx", "1.27")),
        ("ghcr.io/acme/shop:v1", ImageRef("ghcr.io/acme/shop", "v1")),
    ],
)
def test_an_image_is_read_off_every_way_to_write_it(text: str, image: ImageRef) -> None:
    assert read_image_purl(text) == image


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pkg:",
        "pkg:oci",
        "pkg:oci/",
        "pkg:oci/shop",
        "pkg:npm/shop@1",
        "pkg:oci/shop@a b",
        "pkg:docker/Not A Name@1",
        "pkg:oci/shop@v1?" + "&".join(f"a{n}=1" for n in range(50)),
        "pkg:oci/" + "x" * 3000,
        "927aa808433d17e315a258b98e2f1a55",
    ],
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_image_purl(text)
