"""The bridge as a WSGI application for other servers and for embedding: `bridge.wsgi:create_app()`.

It answers everything that `capi-bridge serve` answers, each request in a thread of the server. Delivery is a
process of its own there: `capi-bridge worker`.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from bridge.bootstrap import prepare
from bridge.monitoring.metrics import Metrics
from bridge.settings import load_settings, process_environment
from bridge.web import app
from bridge.web.context import open_context


def create_app(config: Path | None = None) -> Flask:
    """Return the application for the settings of this environment, or those in a file.

    The database is brought up to date; it is opened with the first request, so a server may fork afterwards.
    Raises CannotOpen when it cannot be opened, or needs a secret key that is not configured.
    """
    environment = process_environment()
    settings = load_settings(config, environment)
    prepare(settings, accept_new_key=False)
    return app.create_app(open_context(settings, Metrics(), environment))
