"""What is at `/`: that the bridge runs, where webhooks go, and the way to the console."""

from __future__ import annotations

from bridge.web.console.pages import page
from bridge.web.console.viewers import viewer_of
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, origin
from bridge.web.responses import Response


def show(context: AppContext, request: HttpRequest) -> Response:
    """Answer a page, or JSON to whom asks for it. A stranger learns no mapping's name."""
    hooks = f"{origin(request, context.settings)}/hooks/<mapping>"
    if "text/html" not in request.headers.get("accept", ""):
        return Response(200, {"status": "running", "webhooks": hooks, "console": "/console/"})
    viewer = viewer_of(context, request)
    return page(context, viewer, "home.html", hooks=hooks)
