"""The format regex: images in any text, in time that grows with the text only."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read

DIGEST = "sha256:" + "c" * 64


def test_tag_and_repository_come_from_their_groups_with_line_and_column(read: Read) -> None:
    text = 'x = 1\nshop_image = "acme/shop:1.10"\n'
    pattern = r'^(?P<service>\w+)_image = "(?P<repository>[^:"]+):(?P<tag>[^"]+)"$'
    assert read("regex", text, pattern=pattern) == [("prod/shop", "acme/shop:1.10", "line 2, column 25")]


def test_a_whole_reference_and_names_from_groups(read: Read) -> None:
    text = f"dev shop acme/shop:v1@{DIGEST}\nqa blog acme/blog:v2\n"
    found = read("regex", text, files="**", pattern=r"(?m)^(?P<environment>\w+) (?P<service>\w+) (?P<image>\S+)")
    assert [(target, image) for target, image, _ in found] == [
        ("dev/shop", f"acme/shop:v1@{DIGEST}"),
        ("qa/blog", "acme/blog:v2"),
    ]


def test_a_group_that_takes_no_part_declares_nothing(read: Read) -> None:
    found = read("regex", "shop\nshop v1\nshop ${V}\n", pattern=r"(?P<service>shop)( (?P<tag>\S+))?$")
    assert found == [("prod/shop", ":v1", "line 2, column 6")]


def test_the_end_of_a_line_is_found_whatever_ends_it(read: Read) -> None:
    text = 'x = 1\r\nshop_image = "acme/shop:v1"\r\nblog_image = "acme/blog:v2"\r\n'
    pattern = r'^(?P<service>\w+)_image = "(?P<image>[^"]+)"$'
    assert read("regex", text, pattern=pattern) == [
        ("prod/shop", "acme/shop:v1", "line 2, column 15"),
        ("prod/blog", "acme/blog:v2", "line 3, column 15"),
    ]


@pytest.mark.timeout(20)
def test_a_pattern_that_explodes_elsewhere_takes_no_time(read: Read) -> None:
    assert read("regex", "a" * 1_000_000, pattern=r"(?P<tag>(a+)+)$x", service="shop") == []


def test_matches_without_end_are_refused(read: Read) -> None:
    with pytest.raises(Unreadable, match="more than 10000 images"):
        read("regex", "v1 " * 20_000, pattern=r"(?P<tag>v1)", service="shop")
    with pytest.raises(Unreadable, match="more than 50000 times"):
        read("regex", "v " * 60_000, pattern=r"v(?P<tag>\d)?", service="shop")
