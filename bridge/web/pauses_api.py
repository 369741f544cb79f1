"""Pauses of destinations and sources: listed, made by a person, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from bridge.coerce.durations import read_duration
from bridge.delivery.circuit_breaker import always
from bridge.errors import WrongUse
from bridge.jobs.job_kind import require_known
from bridge.outbox import Pause
from bridge.outbox.pauses import LONGEST_PAUSE, destination_scope
from bridge.settings import Destination, Source
from bridge.spelling import closest
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object
from bridge.web.responses import Response

Named = TypeVar("Named", Destination, Source)
_USUAL = timedelta(hours=1)
_LONGEST_REASON = 500
_OPTIONS = ("destination", "for", "because")


def list_pauses(context: AppContext, request: HttpRequest) -> Response:
    """List what is paused, why, since when and until when."""
    return Response(200, {"pauses": [_shown(pause) for pause in context.outbox().pauses().values()]})


def pause(context: AppContext, request: HttpRequest) -> Response:
    """Send nothing to a destination for a while; its events wait."""
    return Response(200, {"pause": _shown(pause_destination(context, json_object(request)))})


def pause_destination(context: AppContext, asked: Mapping[str, Any]) -> Pause:
    """Pause the destination that is asked for; raises WrongUse for what cannot be done."""
    require_known(asked, _OPTIONS)
    scope, length = _scope(_destination(context, asked)), _length(asked)
    before = context.outbox().pauses().get(scope)
    now = context.now()
    wanted = Pause(scope, "circuit", now + length, before.trips if before else 0, _reason(asked), now)
    context.outbox().pause(wanted, always(length), now)
    return context.outbox().pauses()[scope]


def resume(context: AppContext, request: HttpRequest) -> Response:
    """End the pause of a destination or a source: the next call shows whether its cause is gone."""
    asked = json_object(request)
    require_known(asked, ("destination", "source"))
    if "source" in asked:
        source = _named(asked, "source", context.settings.sources).name
        return Response(200, {"resumed": context.outbox().fetches.resume(source, context.now())})
    scope = _scope(_destination(context, asked))
    paused = context.outbox().pauses().get(scope)
    return Response(200, {"resumed": paused is not None and context.outbox().resume(scope, paused.trips)})


def _shown(one: Pause) -> dict[str, Any]:
    kind, name, *rest = one.scope.split(":")
    return {
        "scope": one.scope,
        "destination": name if kind == "destination" else None,
        "source": name if kind == "source" else None,
        "dataset_id": rest[-1] if rest else name if kind == "dataset" else None,
        "kind": one.kind,
        "reason": one.reason,
        "since": one.since.isoformat("T", "seconds"),
        "until": one.until.isoformat("T", "seconds"),
    }


def _scope(entry: Destination) -> str:
    return destination_scope(entry.name, entry.dataset_id)


def _destination(context: AppContext, asked: Mapping[str, Any]) -> Destination:
    return _named(asked, "destination", context.settings.destinations)


def _named(asked: Mapping[str, Any], what: str, known: Mapping[str, Named]) -> Named:
    name = str(asked.get(what, ""))
    if name not in known:
        meant = closest(name, sorted(known))
        fix = (
            f"did you mean {meant}?" if meant else f"use one of {', '.join(sorted(known)) or 'none there is'}"
        )
        raise WrongUse(f"there is no such {what}", fix=fix)
    return known[name]


def _length(asked: Mapping[str, Any]) -> timedelta:
    if "for" not in asked:
        return _USUAL
    length = read_duration(str(asked["for"]))
    if not length or length > LONGEST_PAUSE:
        raise WrongUse("for is not a duration of at most 7 days", fix="write it as 30 minutes, 2h or 7 days")
    return length


def _reason(asked: Mapping[str, Any]) -> str:
    because = asked.get("because")
    text = because.strip() if isinstance(because, str) else ""
    return f"paused by a person: {text[:_LONGEST_REASON]}" if text else "paused by a person"
