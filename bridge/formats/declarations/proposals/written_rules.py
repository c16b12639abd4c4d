"""What was discovered as a configuration that ``import`` accepts: YAML for people, with what each rule explains as comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge.formats.declarations.proposals.discovery import Discovered, RuleFound

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*\Z")
_LIKE_OTHER_TYPES = re.compile(r"(?i)(?:true|false|yes|no|on|off|null|y|n|\.inf|\.nan)\Z")
_WIDEST = 118  # columns


def write_configuration(
    found: Discovered, credentials: Mapping[str, object], *, most_rules: int, most_unexplained: int
) -> str:
    """The whole configuration; rules beyond ``most_rules`` are only counted. ``credentials`` name secrets, and hold none."""
    return "\n".join(_lines(found, credentials, most_rules, most_unexplained)) + "\n"


def _lines(
    found: Discovered, credentials: Mapping[str, object], most_rules: int, most_unexplained: int
) -> Iterator[str]:
    sample = found.sample
    shown = found.rules[:most_rules]
    yield f"# Proposed from {_count(sample.landings_read, 'landing')} of {sample.landings} on {sample.branch}, up to {sample.revision[:12]}."
    share = f" ({100 * found.explained // found.changes} %)" if found.changes else ""
    yield (
        f"# The rules explain {found.explained} of {_count(found.changes, 'image-looking change')}{share}. Check the names below:"
        " deploybridge import -c FILE, then state."
    )
    yield "sources:"
    yield "  - kind: git"
    yield f"    name: {scalar(_source_name(sample.url))}"
    yield f"    url: {scalar(sample.url)}"
    yield f"    branch: {scalar(sample.branch)}"
    if credentials:
        yield "    credentials:"
        for name, value in credentials.items():
            yield from _entry(f"      {name}", value)
    yield "    rules:"
    for rule in shown:
        yield from _rule(rule)
    if hidden := found.rules[most_rules:]:
        yield f"      # ... and {_count(len(hidden), 'rule')} more, for {_count(sum(each.bumps for each in hidden), 'bump')}: --all shows them"
    if found.unexplained:
        yield f"# Not explained: {_count(sum(each.changes for each in found.unexplained), 'image-looking change')}, in"
        for each in found.unexplained[:most_unexplained]:
            like = "" if each.files == each.example else f"  such as {printable(each.example)}"
            yield f"#   {each.changes:>5}  {printable(each.files)}{like}"
        if rest := found.unexplained[most_unexplained:]:
            yield f"#   {sum(each.changes for each in rest):>5}  ... and {len(rest)} more folders"


def _rule(found: RuleFound) -> Iterator[str]:
    names = ", ".join(map(str, found.examples)) + (", ..." if found.targets > len(found.examples) else "")
    yield f"      # {_count(found.targets, 'target')}, {_count(found.bumps, 'bump')}" + (f": {printable(names)}" if names else ": no more at the tip")
    rule = found.proposal.rule
    lead = "      - "
    for key, value in rule.items():
        note = "  # no path names the environment: correct it here" if key == "environment" else ""
        yield from (line + note for line in _entry(lead + key, value))
        lead = "        "


def _entry(lead: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        pairs = [f"{scalar(name)}: {scalar(text)}" for name, text in value.items()]
        yield from _flow(lead, "{", pairs, "}")
    elif isinstance(value, list):
        yield from _flow(lead, "[", [scalar(each) for each in value], "]")
    else:
        yield f"{lead}: {scalar(value)}"


def _flow(lead: str, opening: str, items: list[str], closing: str) -> Iterator[str]:
    """A flow collection, on as many lines as it needs."""
    line = f"{lead}: {opening}"
    indent = " " * (len(lead) - len(lead.lstrip(" -")) + 2)
    for number, item in enumerate(items):
        text = item + (", " if number < len(items) - 1 else closing)
        if len(line) + len(text) > _WIDEST and line.strip():
            yield line.rstrip()
            line = indent
        line += text
    yield line


def scalar(value: object) -> str:
    """A scalar that every YAML reader takes for this very text."""
    text = str(value)
    if _PLAIN.match(text) and not _LIKE_OTHER_TYPES.match(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def printable(text: str) -> str:
    """Text from the repository on one comment line, harmless to a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _source_name(url: str) -> str:
    name = url.rstrip("/").replace(":", "/").rpartition("/")[2]
    return (name.removesuffix(".git").removesuffix(".bundle") or "infra")[:100]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
