"""The verbs in one table, and which exit code each way of ending has."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

import click

from bridge.cli.exits import INTERRUPTED, OK, OUR_BUG, PIPE_CLOSED, UNREACHABLE, WRONG_USE
from bridge.errors import InvariantBroken, Refused, Stalled, Unavailable

# verb -> (module, what it does). The module is imported when the verb is used, so that `--help` is quick.
VERBS = {
    "serve": ("bridge.cli.serve", "Run the daemon."),
    "import": ("bridge.cli.import_sources", "Catch up with every source once, then exit."),
    "discover": ("bridge.cli.discover", "Propose rules for an infra repository, ready to import."),
    "check": ("bridge.cli.check", "Validate the configuration; all errors at once, with line numbers."),
    "schema": ("bridge.cli.schema", "Print the JSON Schema of the configuration."),
    "intent": ("bridge.cli.intent", "Declare a deployment from CI, and perhaps wait for it."),
    "events": ("bridge.cli.events", "Read the log, and perhaps follow it."),
    "state": ("bridge.cli.state", "Show what each target ran, and was meant to run, at a time."),
    "compare": ("bridge.cli.compare", "Show how the two models did, side by side."),
    "noise": ("bridge.cli.noise", "Show which share of the infra history is image bumps, and who could write."),
    "export": ("bridge.cli.export", "Write the log, or a part of it, as JSON Lines or CSV."),
    "verify": ("bridge.cli.verify", "Prove that nothing in the log was changed or cut out."),
    "replay": ("bridge.cli.replay", "Prove that the log's facts give the log's conclusions."),
}


class _Verbs(click.Group):
    """The group whose verbs are in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, does) for verb, (_, does) in VERBS.items()])


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("deploybridge"), message="%(prog)s %(version)s")
def main() -> None:
    """One append-only log of deployments, declared in Git or by API.

    The verbs that read ask a bridge (--url, DEPLOYBRIDGE_URL; token in DEPLOYBRIDGE_TOKEN or --token-file) or open its
    log (-c FILE, DEPLOYBRIDGE_CONFIG, ./deploybridge.yaml); with none of them they ask http://127.0.0.1:8484.

    Exit codes: 0 ok, 1 the answer is no, 2 wrong use or configuration, 3 the bridge can't be reached, 70 our bug.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one verb and say how it ended."""
    try:
        answer = main.main(list(arguments), prog_name="deploybridge", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at exit
        return PIPE_CLOSED
    except (Refused, Stalled) as error:
        return _say(error, WRONG_USE)
    except Unavailable as error:
        return _say(error, UNREACHABLE)
    except InvariantBroken as error:
        return _say(error, OUR_BUG)
    except Exception:  # noqa: BLE001 - the outermost edge: a bug must not look like exit 1, "the answer is no"
        traceback.print_exc()
        print("deploybridge: this is a bug; please report it with the lines above", file=sys.stderr)
        return OUR_BUG
    return answer if isinstance(answer, int) else OK


def _say(error: Exception, code: int) -> int:
    print(f"deploybridge: {error}", file=sys.stderr)
    return code
