"""``deploybridge discover``: which rules would read this repository?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bridge import compose
from bridge.cli.exits import NO, OK
from bridge.cli.options import format_option
from bridge.cli.terminal import note, show_progress, write_bytes, write_json
from bridge.errors import Stalled, Unavailable
from bridge.formats.declarations.proposals.discovery import Discovered
from bridge.formats.declarations.proposals.written_rules import printable, write_configuration


@click.command("discover")
@click.argument("repository", metavar="URL_OR_PATH")
@click.option("--branch", metavar="NAME", help="Default: the repository's own.")
@click.option("--username", metavar="NAME", help="For https, where the host wants one.")
@click.option("--password-env", metavar="NAME", help="The environment variable that holds the password or token.")
@click.option("--password-file", type=click.Path(dir_okay=False, path_type=Path), help="A file that holds it.")
@click.option("--ssh-key", type=click.Path(dir_okay=False, path_type=Path), help="Default: the SSH agent is asked.")
@click.option("--all", "everything", is_flag=True, help="Print every rule and folder, however many.")
@format_option
def command(
    *,
    repository: str,
    branch: str | None,
    username: str | None,
    password_env: str | None,
    password_file: Path | None,
    ssh_key: Path | None,
    everything: bool,
    form: str,
) -> int:
    """Read a repository (URL, path or Git bundle; read-only) and print rules for it, as a configuration for import -c.

    Exit 1 if it can't be read, or declares no image that a rule could read.
    """
    secret = (
        {"env": password_env} if password_env else {"file": str(password_file.absolute())} if password_file else None
    )
    given = {"username": username, "password": secret, "ssh_key": str(ssh_key.absolute()) if ssh_key else None}
    credentials = {name: value for name, value in given.items() if value is not None}
    try:
        with show_progress("reading") as report:
            found = compose.discover(repository, branch, credentials, report)
    except (Stalled, Unavailable) as error:
        note(f"deploybridge: {str(error).removesuffix(': it is tried again')}")
        return NO
    if form == "json":
        write_json(_as_json(found))
    elif found.rules:
        write_bytes(write_configuration(found, credentials, everything=everything).encode())
    if not found.rules:
        note(_why_nothing(found))
        return NO
    return OK


def _why_nothing(found: Discovered) -> str:
    sample = found.sample
    looked_at = f"{len(sample.tip)} files at the tip of {sample.branch} and {sample.landings_read} landings"
    if found.uncovered:
        like = f"{found.changes} changes look like it, such as in {printable(found.uncovered[0].example)}"
        return f"no format finds an image in {looked_at}, though {like}"
    return f"no image is declared in {looked_at}: is this the infra repository, and the right branch (--branch)?"


def _as_json(found: Discovered) -> dict[str, object]:
    sample = found.sample
    return {
        "url": sample.url,
        "branch": sample.branch,
        "revision": sample.revision,
        "landings": sample.landings,
        "landings_read": sample.landings_read,
        "changes": found.changes,
        "explained": found.explained,
        "rules": [
            {
                "rule": each.proposal.rule,
                "targets": [str(target) for target in each.targets],
                "bumps": each.bumps,
            }
            for each in found.rules
        ],
        "uncovered": [asdict(each) for each in found.uncovered],
        "unmoved": [asdict(each) for each in found.unmoved],
    }
