"""``deploybridge check``: is the configuration right?"""

from __future__ import annotations

from pathlib import Path

import click

from bridge import compose
from bridge.cli.exits import OK, WRONG_USE
from bridge.cli.options import chosen_config, config_option, format_option
from bridge.cli.terminal import note, write_json
from bridge.errors import Refused
from bridge.settings import is_loopback


@click.command("check")
@config_option
@format_option
def command(config: Path | None, form: str) -> int:
    """Validate the configuration: every error at once, as FILE:LINE: key: what was expected."""
    path = chosen_config(config)
    try:
        settings = compose.load(path)
    except Refused as error:
        lines = str(error).splitlines()
        if form == "json":
            write_json({"ok": False, "file": str(path), "digest": None, "errors": lines})
        else:
            note(str(error))
            note(f"{path}: {len(lines)} {'error' if len(lines) == 1 else 'errors'}")
        return WRONG_USE
    if form == "json":
        write_json({"ok": True, "file": str(path), "digest": settings.digest(), "errors": []})
    else:
        sources = ", ".join(str(getattr(source, "name", "?")) for source in settings.sources) or "none"
        print(
            f"{path}: ok: mode {settings.mode}, sources: {sources}, API {settings.listen}, log in {settings.data_dir}"
        )
        if not settings.tokens and not is_loopback(settings.listen_address[0]):
            note("there are no tokens, so the daemon will listen on 127.0.0.1 only")
    return OK
