"""Pauses of destinations and sources over HTTP: listed, made by a person, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.delivery import manual_pauses
from bridge.delivery.manual_pauses import USUAL_LENGTH, entry_named, length_of, pause_as_json
from bridge.jobs.job_kind import require_known
from bridge.outbox import Pause
from bridge.settings import Destination
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object
from bridge.web.responses import Response

_OPTIONS = ("destination", "for", "because")


def list_pauses(context: AppContext, request: HttpRequest) -> Response:
    """List what is paused, why, since when and until when."""
    return Response(200, {"pauses": [pause_as_json(pause) for pause in context.outbox().pauses().values()]})


def pause(context: AppContext, request: HttpRequest) -> Response:
    """Pause a destination for a while: its events wait."""
    return Response(200, {"pause": pause_as_json(pause_destination(context, json_object(request)))})


def pause_destination(context: AppContext, asked: Mapping[str, Any]) -> Pause:
    """Pause the destination that is asked for; raises WrongUse for what cannot be done."""
    require_known(asked, _OPTIONS)
    entry, because = _destination(context, asked), asked.get("because")
    reason = because if isinstance(because, str) else ""
    return manual_pauses.pause_destination(context.outbox(), entry, _length(asked), reason, context.now())


def resume(context: AppContext, request: HttpRequest) -> Response:
    """End the pause of a destination or a source: the next call shows whether its cause is gone."""
    asked = json_object(request)
    require_known(asked, ("destination", "source"))
    if "source" in asked:
        source = entry_named("source", str(asked["source"]), context.settings.sources).name
        return Response(200, {"resumed": context.outbox().fetches.resume(source, context.now())})
    resumed = manual_pauses.resume_destination(context.outbox(), _destination(context, asked))
    return Response(200, {"resumed": resumed})


def _destination(context: AppContext, asked: Mapping[str, Any]) -> Destination:
    return entry_named("destination", str(asked.get("destination", "")), context.settings.destinations)


def _length(asked: Mapping[str, Any]) -> timedelta:
    return length_of(str(asked["for"]), "for") if "for" in asked else USUAL_LENGTH
