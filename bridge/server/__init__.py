"""The processes of `capi-bridge serve`: gunicorn's master, its web workers, and one that delivers.

master ─┬─ web worker (event loop)   everything is loaded before forking, so memory is shared;
        ├─ web worker (event loop)   loops, threads and connections are made after it
        └─ delivery                  restarted when it dies; stopped after the web workers
"""

from __future__ import annotations

from bridge.server.asgi import Application
from bridge.server.gunicorn_app import BridgeServer, Listening
from bridge.server.process_memory import return_large_blocks
from bridge.server.running import announced
from bridge.server.service import ServicePlan

__all__ = ["Application", "BridgeServer", "Listening", "ServicePlan", "announced", "return_large_blocks"]
