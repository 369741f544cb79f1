"""The processes of `capi-bridge serve`: gunicorn's master, its web workers, and one that delivers.

master ─┬─ web worker (threads)      everything is loaded before forking, so memory is shared;
        ├─ web worker (threads)      connections are opened after it
        └─ delivery                  restarted when it dies; stopped after the web workers
"""

from __future__ import annotations

from bridge.server.processes import BridgeServer, Listening

__all__ = ["BridgeServer", "Listening"]
