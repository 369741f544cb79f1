"""`capi-bridge schema`: the JSON Schema of a finished event, a mapping or the settings."""

from __future__ import annotations

import click

from bridge.meta_spec.shipped_files import SCHEMAS, schema_text


@click.command(help="Print the JSON Schema of a finished event, of a mapping, or of the settings.")
@click.argument("name", type=click.Choice(sorted(SCHEMAS)), default="mapping")
def schema(name: str) -> None:
    """Print a schema as it ships: for editors, and for checks in other programs."""
    click.echo(schema_text(name), nl=False)
