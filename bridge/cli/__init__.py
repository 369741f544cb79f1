"""The command line: arguments in, a library call, text or JSON out.

Commands live in one module each and are imported only when asked for, so that `--help` is quick.
Exit codes: 0 fine, 1 findings or a refused event, 2 wrong use, 3 cannot reach or open something.
"""

from __future__ import annotations

import importlib
import sys

import click

from bridge import __version__
from bridge.errors import BridgeError, CannotOpen, CannotStore, Invalid, WrongUse

# command -> (module, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("bridge.cli.serve", "serve", "Receive webhooks, and deliver them beside it."),
    "worker": ("bridge.cli.worker", "worker", "Deliver what is stored; for more processes and machines."),
    "dry-run": (
        "bridge.cli.dry_run",
        "dry_run",
        "Show what a webhook would become; nothing is stored or sent.",
    ),
    "check": ("bridge.cli.check", "check", "List everything that is wrong with settings and mappings."),
    "test": ("bridge.cli.test", "test", "Run the tests inside mapping files."),
    "init": ("bridge.cli.init", "init", "Write a new mapping, from a sample webhook if there is one."),
    "diff": ("bridge.cli.diff", "diff", "Show what a changed mapping would change."),
    "normalize": ("bridge.cli.normalize", "normalize", "Show how a value is cleaned and hashed."),
    "validate": ("bridge.cli.validate", "validate", "Check a finished Conversions API body."),
    "send": ("bridge.cli.send", "send", "Send a finished Conversions API body now."),
    "events": ("bridge.cli.events", "events", "Look at and steer what was stored."),
    "status": ("bridge.cli.status", "status", "Show in one look what runs, waits, is held or paused."),
    "import": ("bridge.cli.import_file", "import_file", "Feed a CSV or JSON-lines file through a mapping."),
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, _, help_line) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="capi-bridge")
def commands() -> None:
    """From a webhook to Meta's Conversions API: mapped, cleaned, hashed, validated, stored, delivered."""


def main() -> None:
    """Run the command line; turn our own exceptions into a sentence and an exit code."""
    try:
        commands.main(prog_name="capi-bridge")
    except BridgeError as error:
        click.echo(f"error: {error.message}", err=True)
        told = [finding for finding in getattr(error, "findings", ()) if finding.message != error.message]
        if told:
            from bridge.authoring.findings_output import write_findings

            click.echo(write_findings(told), nl=False, err=True)
        said = "" if told else next((f.fix for f in getattr(error, "findings", ()) if f.fix), "")
        if fix := error.fix or said:
            click.echo(f"  fix: {fix}", err=True)
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
