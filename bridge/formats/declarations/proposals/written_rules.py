"""What was discovered as a configuration that ``import`` accepts: YAML for people, with what each rule explains as comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bridge.domain.names import Target
from bridge.formats.declarations.proposals.discovery import Discovered, RuleFound, Unexplained

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*\Z")
_LIKE_OTHER_TYPES = re.compile(r"(?i)(?:true|false|yes|no|on|off|null|y|n|\.inf|\.nan)\Z")
_WORTH_A_LINE = 0.01  # share of the changes, for a rule that finds nothing at the tip any more
_MOST_RULES = 8
_MOST_FOLDERS = 6
_SOME = 5  # environments that are named
_WIDEST = 118  # columns


def write_configuration(found: Discovered, credentials: Mapping[str, object], *, everything: bool = False) -> str:
    """The whole configuration; without ``everything`` as much as fits on a screen. ``credentials`` name secrets, and hold none."""
    return "\n".join(_lines(found, credentials, everything=everything)) + "\n"


def _lines(found: Discovered, credentials: Mapping[str, object], *, everything: bool) -> Iterator[str]:
    sample = found.sample
    shown = list(found.rules) if everything else _worth_showing(found)
    looked_at = "all" if sample.landings_read == sample.landings else f"{sample.landings_read} of"
    yield f"# Proposed from {looked_at} {_count(sample.landings, 'landing')} of {sample.branch} up to {sample.revision[:12]}."
    share = f" ({100 * found.explained // found.changes} %)" if found.changes else ""
    explained = f"{found.explained} of {_count(found.changes, 'image-looking change')}{share}"
    yield f"# The rules explain {explained}. Check the names, then: deploybridge import -c FILE"
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
    if hidden := [rule for rule in found.rules if rule not in shown]:
        bumps = _count(sum(each.bumps for each in hidden), "bump")
        yield f"      # ... and {_count(len(hidden), 'rule')} more, for {bumps}: --all shows them"
    yield from _rest("In files that no rule reads", found.uncovered, everything=everything)
    yield from _rest("In files that are read, but moving no declared image", found.unmoved, everything=everything)


def _worth_showing(found: Discovered) -> list[RuleFound]:
    """Without what only the past knew, and seldom."""
    lively = [rule for rule in found.rules if rule.targets or rule.bumps >= _WORTH_A_LINE * found.changes]
    return (lively or list(found.rules))[:_MOST_RULES]


def _rest(what: str, changes: Sequence[Unexplained], *, everything: bool) -> Iterator[str]:
    if not changes:
        return
    yield f"# {what}: {_count(sum(each.changes for each in changes), 'image-looking change')}"
    most = len(changes) if everything else _MOST_FOLDERS
    for each in changes[:most]:
        like = "" if each.files == each.example else f"  such as {each.example.rpartition('/')[2]}"
        yield printable(f"#   {each.changes:>5}  {each.files}{like}")
    if rest := changes[most:]:
        yield f"#   {sum(each.changes for each in rest):>5}  ... and {_count(len(rest), 'place')} more"


def _rule(found: RuleFound) -> Iterator[str]:
    yield f"      # {_count(found.bumps, 'bump')}, {_targets(found.targets)}"
    rule = found.proposal.rule
    lead = "      - "
    for key, value in rule.items():
        note = "  # no path names the environment: correct it here" if key == "environment" else ""
        yield from (line + note for line in _entry(lead + key, value))
        lead = "        "


def _targets(targets: Sequence[Target]) -> str:
    if not targets:
        return "nothing at the tip any more"
    environments = sorted({target.environment for target in targets})
    some = ", ".join(environments[:_SOME]) + (
        f" and {len(environments) - _SOME} more" if len(environments) > _SOME else ""
    )
    return printable(f"{_count(len(targets), 'target')} in {some}; such as {targets[0]}")


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
    if isinstance(value, bool):
        return "true" if value else "false"
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
