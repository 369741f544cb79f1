"""What kind of body this is: by its content type, and by its look when the content type is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value
from functools import lru_cache
from typing import Final

from bridge.errors import UnreadableBody, WrongContentType
from bridge.finding import Finding


@dataclass(frozen=True, slots=True)
class MediaType:
    """A content type taken apart: lower-case name and parameters."""

    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_json: bool = False
    charset: str | None = None


@lru_cache(maxsize=512)
def media_type(content_type: str | None) -> MediaType:
    """Take a Content-Type header apart; the same few headers come again and again."""
    if not content_type or len(content_type) > 1_000:
        return MediaType()
    header = Message()
    header["Content-Type"] = content_type.encode("latin-1", "replace").decode("latin-1")
    (name, _), *given = header.get_params([("", "")])
    texts = {key.lower(): collapse_rfc2231_value(value).strip('"') for key, value in given}
    parameters = {key: text for key, text in texts.items() if text}
    name = name.strip().lower()
    return MediaType(name, parameters, _JSON.fullmatch(name) is not None, parameters.get("charset"))


_JSON: Final = re.compile(r"(application|text)/(json|x-json|javascript|ld\+json)|[^/\s]+/[^/\s]*\+json")
_LOOKS_LIKE_JSON: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_LOOKS_LIKE_JSON_TEXT: Final = re.compile(rb"\s*\"\s*(?:\\[nrt])*[\[{]")
_LOOKS_LIKE_FORM: Final = re.compile(rb"[^\s=&<{\[\"]+=[^\s<]*\s*\Z")
_TELLS_NOTHING: Final = {"", "text/plain", "application/octet-stream", "text/html", "binary/octet-stream"}


def body_kind(content: bytes, media: MediaType) -> tuple[str, tuple[Finding, ...]]:
    """Return `json`, `form` or `multipart`, with a note when the content type says otherwise.

    Beacons send JSON as text/plain, and HTTP modules forget or mistake the header, so a body that
    plainly is JSON counts as JSON whatever its content type says.
    """
    if media.is_json:
        return "json", ()
    if media.name.startswith("multipart/"):
        return "multipart", ()
    if _LOOKS_LIKE_JSON.match(content):
        return "json", _mistaken_note(media, "JSON")
    if media.name == "application/x-www-form-urlencoded":
        return "form", ()
    if media.name in _TELLS_NOTHING:
        return _guessed_kind(content, media)
    raise WrongContentType(
        "The content type of the body is not supported.",
        fix="Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
    )


def _guessed_kind(content: bytes, media: MediaType) -> tuple[str, tuple[Finding, ...]]:
    if not content.strip():
        return "json", ()
    if _LOOKS_LIKE_JSON_TEXT.match(content):
        return "json", _mistaken_note(media, "JSON")
    if _LOOKS_LIKE_FORM.match(content):
        return "form", _mistaken_note(media, "a form")
    if media.name == "text/html" or content.lstrip().startswith(b"<"):
        raise WrongContentType(
            "The body is a web page or XML, which the bridge does not read.",
            fix="Send application/json or a form.",
        )
    raise UnreadableBody(
        "The body is neither JSON nor a form.",
        fix="Send the header Content-Type: application/json together with a JSON body.",
    )


def _mistaken_note(media: MediaType, what: str) -> tuple[Finding, ...]:
    if media.name == "text/plain":
        return ()  # what navigator.sendBeacon sends; nobody can change it
    said = "without a content type" if not media.name else "under another content type"
    return (
        Finding(
            "warning",
            "content_type_mistaken",
            f"The body is {what}, sent {said}.",
            "Nothing needs to be done; to be exact, set the Content-Type header at the sender.",
        ),
    )
