"""The README's tables are true."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.api.calls import CALLS
from bridge.cli import exits
from bridge.cli.app import VERBS
from bridge.domain.events import EventKind
from bridge.formats.declarations.catalog import FORMATS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def first_column(heading: str) -> list[str]:
    """The first cells of the table under this heading row."""
    table = README.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [row.split("|")[1].strip(" `") for row in table.splitlines()[2:]]


def test_every_event_kind_has_its_line() -> None:
    assert first_column("kind") == [kind.value for kind in EventKind]


def test_every_verb_has_its_line() -> None:
    assert first_column("verb") == list(VERBS)


def test_every_call_has_its_line() -> None:
    assert set(first_column("call")) == {f"{call.method} {call.path}" for call in CALLS}


def test_every_format_has_its_line() -> None:
    assert set(first_column("format")) == set(FORMATS)


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = [exits.OK, exits.NO, exits.WRONG_USE, exits.UNREACHABLE, exits.OUR_BUG]
    assert first_column("exit code") == [str(code) for code in codes]


def test_the_files_that_it_names_are_there() -> None:
    root = Path(__file__).parents[2]
    named = re.findall(r"`?((?:config|scripts)/[\w./-]*\w)", README)
    assert [path for path in named if not (root / path).exists()] == []
