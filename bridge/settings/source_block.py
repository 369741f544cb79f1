"""The block `sources:`, the APIs that mappings may fetch from, and what must hold between its values."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from bridge.settings.models import Source
from bridge.settings.parser import Reading, Spot, Values

# These follow from `url` and from the request itself.
_FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def read_sources(reading: Reading, given: Mapping[str, Values]) -> dict[str, Source]:
    """Return the sources by name; what is wrong is added to the reading."""
    return {name: _source(reading, name, values) for name, values in given.items() if "url" in values}


def _source(reading: Reading, name: str, values: Values) -> Source:
    path = f"sources.{name}"
    _check_scheme(reading, path, values)
    headers = {
        header: block["value"] for header, block in values.pop("headers", {}).items() if "value" in block
    }
    basic = values.pop("basic", {})
    _check_headers(reading, path, [*headers, *(["Authorization"] if basic else [])])
    return Source(name=name, headers={**headers, **_authorization(basic)}, **values)


def _check_scheme(reading: Reading, path: str, values: Values) -> None:
    if values["url"].startswith("http://") and not values.get("insecure"):
        reading.wrong(
            Spot(f"{path}.url"),
            "insecure_source",
            f"{path}.url starts with http://, and what is sent there can be read on its way",
            "write https://, or insecure: yes for a server on this machine",
        )


def _check_headers(reading: Reading, path: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        lower = name.lower()
        if lower in _FRAMING_HEADERS:
            message = f"{path}.headers: {name} is set by the bridge itself"
            reading.wrong(Spot(f"{path}.headers"), "reserved_header", message, f"remove {name}")
        elif lower in seen:
            message = f"{path}: the header {name} is set twice"
            reading.wrong(Spot(f"{path}.headers"), "header_twice", message, "keep one of them")
        seen.add(lower)


def _authorization(basic: Values) -> dict[str, str]:
    if "user" not in basic:
        return {}
    pair = f"{basic['user']}:{basic.get('password', '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
