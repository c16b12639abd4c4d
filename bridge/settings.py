"""Reads a configuration file into ``Settings``, or says everything that is wrong with it at once, line by line.

Relative paths in it are relative to the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import reduce
from operator import or_
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, WithJsonSchema, create_model
from pydantic_core import ErrorDetails

from bridge.errors import Refused
from bridge.formats.located_yaml import LocatedDocument, Unparsable, read_document
from bridge.settings_tables import Mode, Settings, changed_keys, is_loopback

__all__ = ["AdapterSettings", "Mode", "Settings", "changed_keys", "is_loopback", "load_settings", "settings_model"]

AdapterSettings = Mapping[tuple[str, str], type[BaseModel]]

_LARGEST = 1024 * 1024  # bytes; the largest real configuration has a few thousand lines
_ROLES = {"source": "sources", "observer": "observers", "exporter": "exporters", "hook": "hooks"}
_SHAPES = {
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_NONE_YET = {
    "exporter": "no exporter kinds exist yet in this version: leave it empty, read with GET /api/v1/export",
}


def load_settings(path: Path, adapter_settings: AdapterSettings) -> Settings:
    """Read and check the file. ``adapter_settings`` holds the table that each (role, kind) takes.

    Each error is a line of its own: ``FILE:LINE: dotted.path: what was wrong and what was expected``.

    Raises:
        Refused: it can't be read, or is wrong; the text holds every error.
    """
    try:
        document = read_document(_read_text(path))
    except Unparsable as error:
        raise Refused("\n".join(f"{path}:{fault.line}: {fault.message}" for fault in error.faults)) from None
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        raise Refused(f"{path}:1: expected a mapping of settings such as `mode: both`, not a single value or a list")
    model = settings_model(adapter_settings)
    try:
        settings = model.model_validate(value, context={"directory": path.parent})
    except ValidationError as error:
        raise Refused(_describe(path, document, model, error.errors(include_url=False))) from None
    if wrong := list(settings.contradictions()):
        raise Refused(_join(path, ((_line(document, where), where, said) for where, said in wrong)))
    return settings.model_copy(update={"data_dir": (path.parent / settings.data_dir.expanduser()).resolve()})


def settings_model(adapter_settings: AdapterSettings) -> type[Settings]:
    """``Settings`` with the adapters' own tables in their lists; its JSON Schema is the configuration's."""
    fields: dict[str, Any] = {}
    for role, key in _ROLES.items():
        kinds = {kind: model for (its_role, kind), model in sorted(adapter_settings.items()) if its_role == role}
        original = Settings.model_fields[key]
        rows: Any = GenericAlias(tuple, (_entry(role, kinds), ...))
        if not kinds:
            rows = Annotated[rows, WithJsonSchema({"type": "array", "maxItems": 0, "default": []})]
        fields[key] = (rows, Field(default=(), description=original.description))
    return create_model("Settings", __base__=Settings, __doc__=Settings.__doc__, **fields)


def _entry(role: str, kinds: Mapping[str, type[BaseModel]]) -> Any:  # noqa: ANN401 - an annotation made at run time
    known = ", ".join(kinds)
    said = f"expected `kind` to be one of: {known}" if kinds else _NONE_YET.get(role, f"no {role} kinds are installed")

    def kind_of(value: object) -> str | None:
        kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        return kind if isinstance(kind, str) and kind in kinds else None

    tagged = [Annotated[model, Tag(kind)] for kind, model in kinds.items()] or [Annotated[BaseModel, Tag("none")]]
    return Annotated[
        reduce(or_, tagged),
        Discriminator(kind_of, custom_error_type="unknown_kind", custom_error_message=said),
    ]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            data = handle.read(_LARGEST + 1)
    except OSError as error:
        raise Refused(f"{path}: the configuration can't be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise Refused(f"{path}: larger than {_LARGEST} bytes: this is no configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}:{line}: not UTF-8 text") from None


def _describe(path: Path, document: LocatedDocument, model: type[Settings], errors: Iterable[ErrorDetails]) -> str:
    found: dict[tuple[int, tuple[str | int, ...], str], None] = {}
    errors, shapes = _without_shapes(document, errors)
    for where, names in shapes.items():
        found[document.locate(where)[1], where, f"expected {' or '.join(names)}"] = None
    for error in errors:
        if error["type"] == "too_short" and any(_is_below(other["loc"], error["loc"]) for other in errors):
            continue  # the list is only short because its entries are wrong, and they are named
        where, line = document.locate(error["loc"])
        said = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
        if error["type"] == "missing":
            where, said = (*where, error["loc"][-1]), "required, but not there"
        elif error["type"] == "extra_forbidden":
            said = _unknown_key(str(error["loc"][-1]), _fields_at(model, where[:-1]))
        elif error["type"] == "unknown_kind" and (*where, "kind") != where:
            inner, inner_line = document.locate((*where, "kind"))
            where, line = (inner, inner_line) if len(inner) > len(where) else (where, line)
        elif error["type"] in {"enum", "literal_error"}:
            said += f", got {str(error['input'])[:80]!r}"
        found[line, where, said] = None
    return _join(path, found)


def _without_shapes(
    document: LocatedDocument, errors: Iterable[ErrorDetails]
) -> tuple[list[ErrorDetails], dict[tuple[str | int, ...], list[str]]]:
    """Errors without those that a value has another shape; and where nothing else is wrong, the shapes that it may have.

    A value that may be a text or a list is told the one and the other, though it is one of them and wrong as such.
    """
    left, shapes = [], dict[tuple[str | int, ...], list[str]]()
    for error in errors:
        if (shape := _SHAPES.get(error["type"])) is None:
            left.append(error)
        elif shape not in (names := shapes.setdefault(document.locate(error["loc"])[0], [])):
            names.append(shape)
    wrong = [document.locate(error["loc"])[0] for error in left]
    return left, {
        where: names
        for where, names in shapes.items()
        if not any(where == other or _is_below(other, where) for other in wrong)
    }


def _join(path: Path, errors: Iterable[tuple[int, tuple[str | int, ...], str]]) -> str:
    in_order = sorted(errors, key=lambda error: error[0])
    return "\n".join(f"{path}:{line}: {'.'.join(map(str, where))}: {said}" for line, where, said in in_order)


def _is_below(inner: tuple[str | int, ...], outer: tuple[str | int, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _line(document: LocatedDocument, where: tuple[str | int, ...]) -> int:
    return document.locate(where)[1]


def _unknown_key(key: str, known: list[str]) -> str:
    if close := get_close_matches(key, known, n=1, cutoff=0.6):
        return f"unknown key; did you mean `{close[0]}`?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key"


def _fields_at(model: type[BaseModel], where: tuple[str | int, ...]) -> list[str]:
    """The keys that the tables at this place take, over all kinds that may stand there."""
    candidates = [model]
    for step in where:
        if isinstance(step, int):
            continue
        fields = (
            field for each in candidates for name, field in each.model_fields.items() if step in {name, field.alias}
        )
        candidates = [inner for each in fields for inner in _models_in(each.annotation)]
    return sorted({field.alias or name for each in candidates for name, field in each.model_fields.items()})


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
