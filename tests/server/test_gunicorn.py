"""What we rely on in gunicorn is as it was when we relied on it: a new version fails here first."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import pytest
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gasgi import ASGIWorker

# Read the new source before changing one of these: does `bridge.server.gunicorn_app` still fit?
RELIED_ON = {
    Arbiter.run: "34a8fb6687e98341",
    Arbiter.manage_workers: "3f9522ff1445c2ac",
    Arbiter.spawn_workers: "7b62bc734e4df7af",
    Arbiter.spawn_worker: "b80f6eba97f68ad3",
    Arbiter.wait_for_signals: "6e3b9cefba4e089a",
    Arbiter.stop: "ae623649ce582580",
    Arbiter.handle_hup: "1115b9b71ff1d261",
    Arbiter.reload: "9c12fba64d0cb9d8",
    Arbiter.setup: "91302118c363625f",
    BaseApplication.reload: "a59fc0c4e50457c9",
    BaseApplication.wsgi: "bab496d0be088c7c",
    Arbiter.halt: "639ff29fbe948c0e",
    Arbiter.reap_workers: "b08d41e3a6ece6a3",
    ASGIWorker.run: "39c170e48908c2ea",
}


@pytest.mark.parametrize(
    ("method", "digest"), RELIED_ON.items(), ids=lambda one: getattr(one, "__qualname__", "")
)
def test_a_method_we_override_or_lean_on_is_the_one_we_read(method: Any, digest: str):
    source = "\n".join(line.strip() for line in inspect.getsource(method).splitlines())
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == digest
