"""The playground: a webhook, a mapping and what comes of them, side by side. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bridge.errors import WrongUse
from bridge.mapping.draft import draft_mapping
from bridge.mapping.files import SIMPLE_NAME
from bridge.mapping.language.completion import completion_table
from bridge.web.api.dry_run import recorded_in
from bridge.web.console.active_mappings import active_mapping, text_of_form
from bridge.web.console.mapping_files import content_of, earlier, revision_of
from bridge.web.console.pages import attachment, form, page, rendered, wants_json
from bridge.web.console.results import sentence_of
from bridge.web.console.sample_choice import (
    SampleChoice,
    answers_of,
    recent_events,
    sample_of_file,
    stored_sample,
    webhook_of,
)
from bridge.web.console.trial_run import TrialRun, WrittenMapping, run_trial
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

_NEW = "new-mapping"


class PlaygroundState(NamedTuple):
    """What is on the page: the fields of its form, the webhook, what came of it, what a button did."""

    given: Mapping[str, str]
    sample: SampleChoice
    outcome: TrialRun
    done: str = ""


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the panes: a mapping with one of its samples, or with a webhook that came (masked)."""
    given = query(request)
    kind, _, chosen = given.get("sample", "").partition("/")
    event_id = given.get("event") or (chosen if kind == "event" else "")
    name = given.get("mapping", "")
    if event_id:
        detail = context.outbox().show(event_id)
        name = name or (detail.event.mapping if detail else "")
        return _opened(context, request, viewer, name, stored_sample(context, event_id, reveal=False))
    mapping = active_mapping(context, name)
    file = chosen if kind == "file" else ""
    sample = sample_of_file(context, mapping, file) if mapping else SampleChoice()
    return _opened(context, request, viewer, name, sample)


def run(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Run the mapping over the webhook."""
    given = form(request)
    outcome = _outcome(context, given)
    if not wants_json(request):
        return _page(context, viewer, PlaygroundState(given, _kept(given), outcome))
    parts = {
        "result": rendered("playground_result.html", outcome=outcome),
        "fields_list": rendered("playground_fields.html", outcome=outcome),
        "findings": outcome.marks,
        "fields": [field._asdict() for field in outcome.fields],
    }
    return Response(200, parts, (("Cache-Control", "no-store"),))


def reveal(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the stored webhook as it came, to be edited, and log that somebody looked."""
    given = form(request)
    event_id = given.get("stored", "")
    context.log.info("revealed", request_id=request.id, stored_event=event_id, peer=request.peer)
    sample = stored_sample(context, event_id, reveal=True)
    outcome = _outcome(context, {**given, "payload": sample.payload})
    return _page(context, viewer, PlaygroundState(given, sample, outcome))


def begin(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write a new mapping for the webhook in the playground."""
    from bridge.authoring.scaffold.new_mapping import MappingRequest, new_mapping
    from bridge.authoring.scaffold.plan import Wishes

    given = form(request)
    webhook = webhook_of(context, given)
    if webhook is None:
        raise WrongUse("there is no webhook to begin with", fix="go back and paste one")
    wishes = Wishes(send_to=next(iter(context.settings.destinations), "main"))
    asked = MappingRequest(Path(f"{_name(given)}.yaml"), wishes, replace(webhook, received_at=context.now()))
    made = {**given, "mapping": new_mapping(asked, context.spec, context.now()).text}
    return _page(context, viewer, PlaygroundState(made, _kept(given), _outcome(context, made)))


def add_test_case(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write a test of the webhook into the mapping, with fictional people; nothing is saved."""
    from bridge.authoring.scaffold.test_case import with_test_of

    given = form(request)
    name, webhook = given.get("name", ""), webhook_of(context, given)
    if webhook is None:
        raise WrongUse("there is no webhook to make a test of", fix="it may be kept no longer")
    given = given if "mapping" in given else {**given, **_from_file(context, name)}
    text = text_of_form(given)
    mapping = draft_mapping(text, context.spec, context.settings.destinations, name or _NEW)
    answers = recorded_in(answers_of(context, given))
    made = {
        **given,
        "mapping": with_test_of(text, webhook, mapping, context.spec, context.now(), answers),
        "tests": "yes",
    }
    done = "a test was added at the end of the mapping: read it, then save or download"
    return _page(context, viewer, PlaygroundState(made, _kept(made), _outcome(context, made), done))


def download(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer the mapping as a file to keep."""
    given = form(request)
    return attachment(f"{_name(given)}.yaml", "application/yaml; charset=utf-8", text_of_form(given))


def language(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer what the editor completes with."""
    return Response(200, completion_table(context.spec, context.settings.destinations))


def _opened(
    context: AppContext, request: HttpRequest, viewer: Viewer, name: str, sample: SampleChoice
) -> Response:
    given = {"name": name, "tests": "yes", **_from_file(context, name)}
    given |= {"file": sample.file, "stored": sample.stored}
    if not sample.is_masked:
        given |= {"payload": sample.payload, "answers": sample.answers}
    return _page(
        context, viewer, PlaygroundState(given, sample, _outcome(context, given), sentence_of(request))
    )


def _from_file(context: AppContext, name: str) -> dict[str, str]:
    """Return the fields of the form that a mapping's file fills: its text, and which revision that is."""
    mapping = active_mapping(context, name)
    content = content_of(mapping.file) if mapping else b""
    began_as = revision_of(content) if mapping else ""
    opened = name if mapping else ""
    return {"mapping": content.decode("utf-8", "replace"), "began_as": began_as, "opened": opened}


def _name(given: Mapping[str, str]) -> str:
    """Return the name that somebody gave the mapping, as far as it can be one."""
    name = given.get("name", "")
    return name if SIMPLE_NAME.fullmatch(name) else _NEW


def _kept(given: Mapping[str, str]) -> SampleChoice:
    """Return the sample that a form was sent with."""
    return SampleChoice(
        given.get("payload", ""),
        stored=given.get("stored", ""),
        file=given.get("file", ""),
        is_masked="payload" not in given and bool(given.get("stored")),
        answers=given.get("answers", ""),
    )


def _outcome(context: AppContext, given: Mapping[str, str]) -> TrialRun:
    source = text_of_form(given)
    if not source.strip():
        return TrialRun()
    mapping = active_mapping(context, given.get("name", ""))
    folder = mapping.file.parent if mapping else None
    answers = answers_of(context, given)
    written = WrittenMapping(source, mapping.name if mapping else _NEW, folder, answers)
    webhook = webhook_of(context, given)
    with_tests = given.get("tests") == "yes"
    return run_trial(context, written, webhook, reveal="payload" in given, with_tests=with_tests)


def _page(context: AppContext, viewer: Viewer, shown: PlaygroundState) -> Response:
    given, sample, can_save = shown.given, shown.sample, context.settings.console.edit
    if sample.is_masked and not sample.payload:
        sample = stored_sample(context, sample.stored, reveal=False)
    mapping = active_mapping(context, given.get("name", ""))
    return page(
        context,
        viewer,
        "playground.html",
        name=given.get("name", ""),
        source=given.get("mapping", ""),
        began_as=given.get("began_as", ""),
        opened=given.get("opened", ""),
        with_tests=given.get("tests") == "yes",
        can_save=can_save,
        can_undo=bool(can_save and mapping and earlier(mapping.file)),
        sample=sample,
        outcome=shown.outcome,
        done=shown.done,
        mapping=mapping,
        recent=recent_events(context, mapping) if mapping else [],
        mappings=context.mappings.names(),
    )
