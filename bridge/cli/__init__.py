"""The command line: arguments in, a library call, text or JSON out.

Commands live in one module each and are imported only when asked for, so that `--help` is quick.
Exit codes: 0 fine, 1 findings or a rejected event, 2 wrong use, 3 cannot reach or open something.
"""

from __future__ import annotations

import importlib
import json
import sys

import click

from bridge import __version__
from bridge.errors import BridgeError, CannotOpen, CannotStore, Invalid, WrongUse
from bridge.spelling import closest

# command -> (module, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("bridge.cli.serve", "serve", "Receive webhooks, and deliver them beside it."),
    "reload": ("bridge.cli.reload", "reload", "Have `serve` and `worker` take up changed settings."),
    "worker": ("bridge.cli.worker", "worker", "Deliver what is stored; for more processes and machines."),
    "dry-run": (
        "bridge.cli.dry_run",
        "dry_run",
        "Show what a webhook would become; nothing is stored or sent.",
    ),
    "check": ("bridge.cli.check", "check", "List everything that is wrong with settings and mappings."),
    "test": ("bridge.cli.test", "test", "Run the tests inside mapping files."),
    "init": ("bridge.cli.init", "init", "Write a new mapping, from a sample webhook if you have one."),
    "diff": ("bridge.cli.diff", "diff", "Show what a changed mapping would change."),
    "normalize": ("bridge.cli.normalize", "normalize", "Show how a value is cleaned and hashed."),
    "validate": ("bridge.cli.validate", "validate", "Check a finished Conversions API body."),
    "send": ("bridge.cli.send", "send", "Send a finished Conversions API body now."),
    "events": ("bridge.cli.events", "events", "Look at stored events; replay or export them."),
    "destinations": (
        "bridge.cli.destinations",
        "destinations",
        "See what Meta says about your tokens and datasets.",
    ),
    "pauses": ("bridge.cli.pauses", "pauses", "See what is paused and why; pause and resume."),
    "sources": ("bridge.cli.sources", "sources", "See the APIs that records are fetched from."),
    "pairing": (
        "bridge.cli.pairing",
        "pairing",
        "Check that events of browsers and servers have the same ids.",
    ),
    "status": ("bridge.cli.status", "status", "Show in one look what runs, waits, is held or paused."),
    "console": ("bridge.cli.console", "console", "Print a link that signs you in to the console once."),
    "companion": (
        "bridge.cli.companion",
        "companion",
        "Print the tag that loads the browser companion, for your website.",
    ),
    "alerts": ("bridge.cli.alerts", "alerts", "Send a test alert."),
    "import": (
        "bridge.cli.import_file",
        "import_file",
        "Feed a CSV, Excel or JSON-lines file through a mapping.",
    ),
    "schema": (
        "bridge.cli.schema",
        "schema",
        "Print the JSON Schema of events, mappings or settings.",
    ),
    "simulator": ("bridge.cli.simulator", "simulator", "Run the built-in stand-in for Meta's endpoint."),
    "db": ("bridge.cli.db", "db", "Look after the database."),
    "demo": ("bridge.cli.demo", "demo", "Post every shipped sample to a running bridge."),
}

EXIT_CODES: tuple[tuple[type[BridgeError], int], ...] = (
    (WrongUse, 2),
    (CannotOpen, 3),
    (CannotStore, 3),
    (Invalid, 1),
    (BridgeError, 1),
)


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was called; a mistyped one is answered with the one probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            meant = closest(args[0], COMMANDS)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, _, help_line) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="capi-bridge")
def commands() -> None:
    """From a webhook to Meta's Conversions API: mapped, cleaned, hashed, validated, stored, delivered."""


def main() -> None:
    """Run the command line; turn exceptions into a sentence, or JSON with --json, and an exit code."""
    write_error = _write_json_error if "--json" in sys.argv else _write_error
    try:
        code = commands.main(prog_name="capi-bridge", standalone_mode=False, color=_color())
    except BridgeError as error:
        write_error(error)
        sys.exit(exit_code_of(error))
    except click.ClickException as error:
        if "--json" in sys.argv:
            _write_json_error(WrongUse(error.format_message()))
        else:
            error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _color() -> bool | None:
    """Return False when the user wants no colors (https://no-color.org); None leaves it to the terminal."""
    from bridge.settings import process_environment

    return False if process_environment().get("NO_COLOR") else None


def exit_code_of(error: BridgeError) -> int:
    """Return the exit code an exception stands for."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _write_error(error: BridgeError) -> None:
    click.echo(f"error: {error.message}", err=True)
    details = [finding for finding in error.findings if finding.message != error.message]
    if details:
        from bridge.authoring.findings_output import write_findings

        click.echo(write_findings(details), nl=False, err=True)
    first_fix = "" if details else next((f.fix for f in error.findings if f.fix), "")
    if fix := error.fix or first_fix:
        click.echo(f"  fix: {fix}", err=True)


def _write_json_error(error: BridgeError) -> None:
    """Write the error as the HTTP interface does; stdout holds records only, so it goes to stderr."""
    click.echo(json.dumps({"error": error.as_json()}, ensure_ascii=False, indent=2), err=True)
