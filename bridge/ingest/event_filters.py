"""Which events are meant: filters in JSON or in a URL to a query, and back again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bridge.coerce.moments import moment_in
from bridge.errors import WrongUse
from bridge.mode import MODES
from bridge.outbox import STATUSES, Query
from bridge.spelling import closest

_TEXT_FILTERS = (
    "mapping",
    "destination",
    "event_name",
    "event_id",
    "reason",
    "webhook_id",
    "mode",
    "by",
    "before",
    "after",
)
_NUMBER_FILTERS = ("http_status", "code", "subcode")
_MOST_DIGITS = 12
_USUAL = {"by": "received"}
FILTERS = (*_TEXT_FILTERS, *_NUMBER_FILTERS, "status", "ids", "since", "until", "limit")
Choice = TypeVar("Choice", bound=str)
USUAL_PAGE, LARGEST_PAGE = 100, 1000
_OF_A_PERSON = ("email", "phone", "external_id", "order_id")
_SELECTING = tuple(name for name in FILTERS if name not in {"limit", "before", "after", "by"})


def query_of(asked: Mapping[str, Any], now: datetime, *, most: int, limit: int | None = None) -> Query:
    """Return the query that filters mean; `now` is what relative times start from.

    `limit` is how many events are meant when no filter says so, `most` how many may be asked for.
    """
    _refuse_unknown(asked)
    plain: dict[str, Any] = {name: str(asked[name]) for name in _TEXT_FILTERS if asked.get(name)}
    plain |= {name: _number(asked[name], name) for name in _NUMBER_FILTERS if asked.get(name)}
    statuses = _list(asked.get("status"))
    for status in statuses:
        one_of("status", status, STATUSES)
    if asked.get("mode"):
        one_of("mode", asked["mode"], MODES)
    by = asked.get("by") or "received"
    if by not in {"received", "event"}:
        raise WrongUse("by is not one there is", fix="use received or event: the time that is meant")
    return Query(
        ids=tuple(_list(asked.get("ids"))),
        statuses=frozenset(statuses),
        since=moment_in(asked, "since", now),
        until=moment_in(asked, "until", now),
        limit=limit_of(asked.get("limit", limit or most), most),
        **plain,
    )


def page_of(asked: Mapping[str, Any], now: datetime) -> Query:
    """Return the query for one page of a list: 100 events when no filter says how many, at most 1,000."""
    return query_of(asked, now, most=LARGEST_PAGE, limit=USUAL_PAGE)


def one_of(name: str, given: object, choices: Sequence[Choice]) -> Choice:
    """Return the word that was given. Raises WrongUse when it is none of those that a filter takes."""
    for choice in choices:
        if choice == given:
            return choice
    raise WrongUse(f"{name} is not one there is", fix=f"use one of {', '.join(choices)}")


def require_filter(asked: Mapping[str, Any]) -> None:
    """Raise WrongUse unless something says which events are meant: nobody means all of them silently."""
    _refuse_unknown(asked)
    if not any(asked.get(name) for name in _SELECTING):
        fix = "give ids, status, mapping, destination, reason or since"
        raise WrongUse("no filter was given", fix=fix)


def filters_of(query: Query) -> dict[str, Any]:
    """Return the filters that mean a query, with absolute times."""
    filters: dict[str, Any] = {name: getattr(query, name) for name in _TEXT_FILTERS}
    filters |= {name: getattr(query, name) for name in _NUMBER_FILTERS}
    filters |= {"ids": list(query.ids), "status": sorted(query.statuses), "limit": query.limit}
    for name in ("since", "until"):
        moment = getattr(query, name)
        filters[name] = moment.isoformat() if moment else None
    return {name: value for name, value in filters.items() if value and _USUAL.get(name) != value}


def _refuse_unknown(asked: Mapping[str, Any]) -> None:
    """Raise WrongUse for a name that is no filter: ignored, it would select events nobody meant."""
    for name in asked:
        if name not in FILTERS:
            if name in _OF_A_PERSON:
                fix = "name a person in the body of POST /api/events/search"
                raise WrongUse("a person is not named in a URL, where logs would keep them", fix=fix)
            meant = closest(name, FILTERS)
            fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(FILTERS)}"
            raise WrongUse("there is a filter of an unknown name", fix=fix)


def _list(given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(item) for item in given]
    return [part.strip() for part in str(given).split(",") if part.strip()] if given else []


def _number(given: Any, name: str) -> int:
    text = str(given).strip()
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise WrongUse(f"{name} is not a number", fix="write it as Meta answered it: 400, 190, 2804003")
    return int(text)


def limit_of(given: Any, most: int) -> int:
    """Return how many are asked for; raises WrongUse for what is no number, or too large."""
    text = str(given)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise WrongUse(f"limit is not a number from 1 to {most}")
    return int(text)
