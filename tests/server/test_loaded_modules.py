"""What a server keeps in memory in each of its processes: nothing that only some installations need."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
from bridge.server.gunicorn_app import BridgeServer
from bridge.server.service import Service
from bridge.outbox.database import Database
Database("sqlite:///" + sys.argv[1]).read(lambda connection: None)
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> frozenset[str]:
    """The modules that the master loads; web workers and delivery process are forked from it."""
    file = tmp_path_factory.mktemp("loaded") / "bridge.db"
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, str(file)], capture_output=True, text=True, check=True
    )
    return frozenset(ran.stdout.split())


@pytest.mark.parametrize(
    ("module", "whose"),
    [
        ("sqlalchemy.dialects.postgresql", "installations on PostgreSQL"),
        ("sqlalchemy.orm", "nobody"),
        ("alembic", "migrations, which a child of its own makes"),
        ("email.policy", "alerts by e-mail"),
        ("smtplib", "alerts by e-mail"),
        ("flask", "the console and the API"),
        ("werkzeug", "the console, the API and multipart forms"),
        ("bridge.web.console", "the console"),
        ("bridge.public_keys", "mappings that check signatures made with a private key"),
        ("jwt", "mappings with `scheme: jwt`"),
        ("cryptography.x509", "mappings with `scheme: jwt`"),
        ("bridge.simulator", "the demo"),
        ("bridge.authoring", "the command line"),
        ("bridge.docgen", "generated pages"),
        ("rich", "terminals"),
    ],
)
def test_a_server_does_not_load_what_it_does_not_need(loaded, module, whose):
    assert module not in loaded, f"{module} is for {whose} only"


def test_the_modules_that_were_looked_at_are_those_of_a_server(loaded):
    assert {"bridge.server.asgi", "bridge.delivery.process", "sqlalchemy.dialects.sqlite"} <= loaded
