"""JSON bodies from strangers: decoded once into a typed struct, or refused naming the field and what was expected.

Depth is bounded by the types: no field takes free-form JSON and unknown fields are refused at their name, so that the
parser never descends deeper than the struct does. Of a repeated key the last value holds, as in every common JSON parser;
what is authorised, recorded and answered is that one parse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
import msgspec.inspect

from bridge.domain.names import ImageRef, bundle, make_image, parse_image
from bridge.errors import Refused

END = r"(?![\s\S])"  # the end of the text; `$` would let a trailing newline through, `\Z` is unknown to JSON Schema
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*" + END  # they could forge a line or steer a terminal that shows the text

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=_NO_CONTROLS)]
LongLine = Annotated[str, msgspec.Meta(min_length=1, max_length=2048, pattern=_NO_CONTROLS)]

_Body = TypeVar("_Body")
_Parsed = TypeVar("_Parsed")

_PLACE = re.compile(r" - at (`key` in )?`\$\.?(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
_FIELD = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>.*)`\Z", re.DOTALL)
_LONGEST_NAME_SHOWN = 100


class ArtifactBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One artifact in parts; a tag or a digest or both."""

    repository: Line | None = None
    tag: Line | None = None
    digest: Line | None = None


def decode_body(decoder: msgspec.json.Decoder[_Body], body: bytes) -> _Body:
    """Decode ``body`` into the decoder's type.

    Raises:
        Refused: it is empty, not UTF-8, not JSON, or not of the type; ``field`` names the part where there is one.
    """
    if not body:
        msg = "the body is empty: expected a JSON object"
        raise Refused(msg)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), decoder.type) from None
    except UnicodeDecodeError:
        msg = "the body is not UTF-8 text: expected JSON in UTF-8"
        raise Refused(msg) from None
    except msgspec.DecodeError as error:
        msg = f"the body is not JSON: {error}"
        raise Refused(msg) from None


def read_artifacts(given: list[str | ArtifactBody]) -> tuple[ImageRef, ...]:
    """The artifacts of a body in their one written order.

    Raises:
        Refused: one is no image reference; ``field`` is its place.
    """
    images = []
    for index, item in enumerate(given):
        try:
            if isinstance(item, str):
                images.append(parse_image(item))
            else:
                images.append(make_image(item.repository, item.tag, item.digest))
        except ValueError as error:
            raise Refused(str(error), field=f"artifacts[{index}]") from None
    return bundle(images) if len(images) > 1 else tuple(images)


def checked(field: str, parse: Callable[[str], _Parsed], text: str) -> _Parsed:
    """Parse ``text`` and name ``field`` in what is refused."""
    try:
        return parse(text)
    except ValueError as error:
        raise Refused(str(error), field=field) from None


def _refusal(text: str, body: object) -> Refused:
    """Turn msgspec's sentence (``Expected `str`, got `int` - at `$.service```) into ours, with the field apart."""
    place = _PLACE.search(text)
    path = place["path"] if place else ""
    said = text[: place.start()] if place else text
    if named := _FIELD.match(said):
        name = named["name"]
        path = f"{path}.{name}" if path else name
        unknown = said.startswith("Object contains")
        said = "is not a field known here: remove it or correct its name" if unknown else "is required and missing"
    elif " matching regex " in said or said.startswith("Invalid enum value"):
        plain = repr(_NO_CONTROLS) in said
        said = (
            "expected text without control characters" if plain else _expected_at(msgspec.inspect.type_info(body), path)
        )
    shown = path if len(path) <= _LONGEST_NAME_SHOWN else path[:_LONGEST_NAME_SHOWN] + "…"
    return Refused(f"{shown}: {said}" if shown else f"the body: {said}", field=shown or None)


def _expected_at(body: msgspec.inspect.Type, path: str) -> str:
    """What stands at ``path`` of a right body: one of a few words, or one such text."""
    found: tuple[msgspec.inspect.Type, ...] = (body,)
    for step in _STEP.findall(path):
        found = tuple(inner for outer in found for inner in _inside(outer, step))
    described = (words for each in found if (words := _describe(each)) is not None)
    return f"expected {next(described, 'the form that the description of the API gives')}"


def _describe(expected: msgspec.inspect.Type) -> str | None:
    if isinstance(expected, msgspec.inspect.EnumType):
        return f"one of {', '.join(word.value for word in expected.cls)}"
    if isinstance(expected, msgspec.inspect.Metadata):
        return f"text such as {(expected.extra_json_schema or {}).get('examples', ['the description of the API shows'])[0]}"
    return None


def _inside(outer: msgspec.inspect.Type, step: str) -> tuple[msgspec.inspect.Type, ...]:
    """The types that ``step``, the name of a field or an index, may lead to."""
    inner: msgspec.inspect.Type
    if isinstance(outer, msgspec.inspect.StructType):
        inner = next(field.type for field in outer.fields if field.encode_name == step)
    elif isinstance(outer, msgspec.inspect.ListType):
        inner = outer.item_type
    else:
        return ()
    return inner.types if isinstance(inner, msgspec.inspect.UnionType) else (inner,)
