"""JSON Web Tokens, beside a body or as the whole of it: the signature, and the times in the claims.

The mapping fixes the algorithm and the kind of key, so `alg: none`, and a public key used as a shared
secret, are wrong like any other signature (RFC 8725, sections 3.1 and 3.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bridge.errors import NotAuthentic
from bridge.models import Request, VerifyRule

# times are compared with the arrival of the request, not with a clock
_UNCHECKED: Final = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
_OPTIONS: Final = {f"verify_{name}": False for name in _UNCHECKED}
_LONGEST_TOKEN: Final = 1_048_576


def claims_of(token: str, rule: VerifyRule, now: datetime) -> dict[str, Any]:
    """Return the claims of a token; raise `NotAuthentic` when it is forged, too old or from the future."""
    for key in (*rule.keys, *rule.secrets):
        claims = _signed_claims(token, key, rule.algorithm.upper())
        if claims is not None:
            _check_times(claims, now.timestamp(), rule.tolerance_seconds)
            return claims
    raise NotAuthentic("the JWT is not signed as the mapping expects")


def _signed_claims(token: str, key: Any, algorithm: str) -> dict[str, Any] | None:
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    import jwt  # 1 MB with what it needs of cryptography; nearly all senders sign otherwise

    try:
        return jwt.decode(token, key, algorithms=[algorithm], options=_OPTIONS)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def _check_times(claims: Mapping[str, Any], now: float, tolerance: int) -> None:
    """Reject a token that has expired, is not valid yet, or says nothing about either."""
    times = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    if any(value is not None and not _is_number(value) for value in times.values()):
        raise NotAuthentic("a time of the JWT is not a number")
    expires, issued = times["exp"], times["iat"]
    if expires is None and issued is None:
        raise NotAuthentic("the JWT has neither exp nor iat, so it would be valid for ever")
    if any(value is not None and value > now + tolerance for value in (times["nbf"], issued)):
        raise NotAuthentic("the JWT is from the future")
    latest = expires if expires is not None else issued
    if latest is not None and latest < now - tolerance:
        raise NotAuthentic("the JWT has expired")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def body_of_claims(request: Request, claims: Mapping[str, Any]) -> Request:
    """Return the request with the claims as its JSON body: what the sender signed is what is read."""
    headers = {**request.headers, "content-type": "application/json"}
    return replace(request, body=json.dumps(claims, ensure_ascii=False).encode(), headers=headers)
