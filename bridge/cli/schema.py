"""``deploybridge schema``: the configuration as JSON Schema, for editors and reviewers."""

from __future__ import annotations

import click

from bridge import compose
from bridge.cli.terminal import write_json
from bridge.settings import settings_model


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) of the configuration, adapters' tables included."""
    schema = settings_model(compose.adapter_settings()).model_json_schema()
    write_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "deploybridge"})
