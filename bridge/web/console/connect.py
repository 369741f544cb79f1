"""Connecting a sender: what to copy, what to set, what to import, and whether the first webhook has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.errors import UnknownMapping, WrongUse
from bridge.mapping import CompiledMapping
from bridge.models import VerifyRule
from bridge.outbox import EventRecord, Query
from bridge.outbox.ids import moment_of
from bridge.outbox.records import from_ms, text_id
from bridge.outbox.refusals import Refusal
from bridge.spelling import closest
from bridge.web.companion.tags import TagWishes, tags
from bridge.web.console.active_mappings import active_mapping, hook_url, text_of_file
from bridge.web.console.pages import attachment, form, page
from bridge.web.console.results import sentence_of
from bridge.web.console.sender_guides import (
    SenderGuide,
    description_of,
    facts_of,
    file_of,
    guide_for,
    guides,
    rows_of,
    secret_name,
)
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

# how a sender proves who it is -> what a person does about it; {secret} is the variable of the mapping
_PROOFS = {
    "token": "The token is the secret of {secret}, where the bridge runs. Copy it into the sender.",
    "basic": "User name {user}; the password is the secret of {secret}, where the bridge runs.",
    "none": "Nothing is asked for: anybody who knows the URL can post.",
}
_BY_SIGNATURE = (
    "The sender signs its webhooks: where the bridge runs, {secret} must hold the secret that it shows you."
)
_WHAT_TO_DO = {
    400: "Have the sender post JSON or form fields; the reason says what cannot be read.",
    401: "Compare the token or the secret in the sender with the one here.",
    404: "Compare the name at the end of the URL with the name of the mapping.",
    405: "Choose POST in the sender.",
    413: "Send one record at a time.",
    415: "Send JSON or form fields.",
    429: "The sender is faster than its rate limit; it may try again later.",
}
_SHOWN_TOKENS = frozenset({"token", "basic"})


class Arrived(NamedTuple):
    """The last webhook of a mapping, and what became of it."""

    at: datetime
    events: Sequence[EventRecord]


class Turned(NamedTuple):
    """Requests that were turned away, and what to do about it; `meant` is the mapping that was meant."""

    refusal: Refusal
    what_to_do: str
    meant: str = ""


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show how to connect the sender of a mapping; the page looks by itself whether a webhook has come."""
    given = query(request)
    return _page(context, request, viewer, given)


def show_token(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the token of a mapping, to be copied, and log that somebody looked."""
    given = form(request)
    mapping = _chosen(context, given)
    if mapping.receive.verify.scheme not in _SHOWN_TOKENS:
        raise WrongUse("this mapping has no token to show", fix="copy the secret from the sender")
    context.log.info("token_shown", request_id=request.id, mapping=mapping.name, peer=request.peer)
    token = mapping.receive.verify.secrets[0].decode("utf-8", "replace")
    return _page(context, request, viewer, given, token=token)


def download(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer the file to import. It holds the URL and the fields, and no token."""
    given = query(request)
    mapping = _chosen(context, given)
    text = text_of_file(mapping.file)
    guide = _guide(mapping, text, given)
    if not guide.file:
        raise WrongUse(f"{guide.name} has no file to import", fix="set it as the table says")
    content = file_of(guide, facts_of(mapping, text, hook_url(context, request, mapping.name)))
    return attachment(guide.file, "application/octet-stream", content)


def not_found(context: AppContext) -> list[Turned]:
    """Return the URLs without a mapping that somebody posted to lately, and which mapping was meant."""
    context.refusals.write(context.now())
    names = context.mappings.names()
    found = context.outbox().refusals.not_found(context.now())
    return [
        Turned(one, _WHAT_TO_DO[404], closest(one.kind.name, names) or "")
        for one in found
        if one.kind.name not in names
    ]


def website_tags(context: AppContext) -> list[str]:
    """Return what the pages of the website load; nothing where no website is named in the settings."""
    settings = context.settings
    return tags(settings.companion, TagWishes(settings.public_url or "")) if settings.companion else []


def _page(
    context: AppContext, request: HttpRequest, viewer: Viewer, given: Mapping[str, str], *, token: str = ""
) -> Response:
    mapping = _chosen(context, given) if given.get("mapping") else None
    return page(
        context,
        viewer,
        "connect.html",
        names=context.mappings.names(),
        guides=guides().values(),
        mapping=mapping,
        chosen=_about(context, request, mapping, given) if mapping else {},
        token=token,
        website_tags=website_tags(context),
        not_found=[] if mapping else not_found(context),
        open_names=context.outbox().captures.all_open(context.now()),
        done=sentence_of(request),
    )


def _about(
    context: AppContext, request: HttpRequest, mapping: CompiledMapping, given: Mapping[str, str]
) -> dict[str, object]:
    """Return everything that is shown of one mapping and its sender."""
    text = text_of_file(mapping.file)
    guide, rule = _guide(mapping, text, given), mapping.receive.verify
    facts = facts_of(mapping, text, hook_url(context, request, mapping.name))
    return {
        "guide": guide,
        "facts": facts,
        "rows": rows_of(guide, facts),
        "proof": _proof(rule, secret_name(text)),
        "has_token": rule.scheme in _SHOWN_TOKENS,
        "needs_other_proof": rule.scheme not in {*_SHOWN_TOKENS, "none"},
        "sender": description_of(text),
        "arrived": _arrived(context, mapping.name),
        "turned": _turned(context, mapping.name),
    }


def _proof(rule: VerifyRule, secret: str) -> str:
    words = _PROOFS.get(rule.scheme, _BY_SIGNATURE)
    return words.format(secret=secret or "the mapping", user=rule.user or "")


def _guide(mapping: CompiledMapping, text: str, given: Mapping[str, str]) -> SenderGuide:
    return guides().get(given.get("with", "")) or guide_for(mapping, text)


def _chosen(context: AppContext, given: Mapping[str, str]) -> CompiledMapping:
    mapping = active_mapping(context, given.get("mapping", ""))
    if mapping is None:
        raise UnknownMapping("there is no active mapping of this name", fix="see the list of mappings")
    return mapping


def _arrived(context: AppContext, name: str) -> Arrived | None:
    """Return the last webhook of a mapping among the newest of all."""
    newest = context.outbox().recent.webhooks(1).get(name)
    if not newest:
        return None
    events = context.outbox().find(Query(webhook_id=text_id(newest[0]), limit=5))
    return Arrived(from_ms(moment_of(newest[0])), events)


def _turned(context: AppContext, name: str) -> list[Turned]:
    """Return what was refused lately at the URL of a mapping, or at one that was meant to be it."""
    own = context.outbox().refusals.of(name, context.now())
    return [
        *(Turned(one, _WHAT_TO_DO.get(one.kind.status, "")) for one in own),
        *(one for one in not_found(context) if one.meant == name),
    ]
