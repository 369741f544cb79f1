"""The pipeline: one webhook in, finished events out.

    Request → verify → Verified → parse → Webhook → map → Draft → normalize → validate → Event

Everything here is pure: the clock is `request.received_at`, and no step touches a network, a database
or the environment. The intake, the dry run, the command line, the tests inside mappings and the replay
of stored webhooks all call `translate`, so a preview cannot lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from bridge.body.parse import parse
from bridge.consent_decision import ConsentDecision, ConsentPolicy
from bridge.explain.trace import Trace
from bridge.finding import Finding, Position
from bridge.mapping import CompiledMapping
from bridge.mapping.runtime.erase_requests import CompiledRequests
from bridge.mapping.runtime.known_answers import Answers
from bridge.meta_spec.spec import MetaSpec
from bridge.models import (
    AnswerLookup,
    CleanDraft,
    Draft,
    Erasure,
    Event,
    Request,
    Translation,
    Verified,
    Webhook,
)
from bridge.normalize import normalize
from bridge.privacy.person_identifiers import readable
from bridge.validate import is_right_by_its_values, validate
from bridge.validate.match_strength import match_strength
from bridge.verify import verify

_MOST_SHAPES: Final = 1024  # of one event of a mapping


def translate(  # noqa: PLR0913 - all but the first three are named
    request: Request | Verified,
    mapping: CompiledMapping,
    spec: MetaSpec,
    *,
    fetched: AnswerLookup | None = None,
    explain: bool = False,
    reveal: bool = False,
) -> Translation:
    """Turn one webhook into the events it means, each finished or with the reason why not.

    A `Verified` request is one whose caller vouches for it: the command line's user, or a replay of a
    webhook that was verified when it came. Raises only `Refused` (not authentic, unreadable, too large);
    everything that is wrong with an event is a finding on that event. `reveal` shows personal data in
    the explanation.

    `fetched` gives the answers of the calls that a mapping makes by `fetch`. An event that reads one which
    is not there yet is `fetching`; `calls` of the translation are the calls to make before translating again.
    """
    verified = request if isinstance(request, Verified) else verify(request, mapping.receive.verify)
    webhook = parse(verified, mapping.receive)
    if mapping.fetch and fetched is not None:
        webhook = Webhook(webhook.request, webhook.data, webhook.notes, Answers(fetched))
    now = webhook.request.received_at
    finished = events = tuple([finish(draft, spec, now) for draft in mapping.cleaned_drafts(webhook, spec)])
    erasure = None
    if mapping.requests is not None:
        erasure, others = _requested(mapping, mapping.requests, webhook, has_events=bool(events))
        events += tuple([finish(draft, spec, now) for draft in others])
    repeat_key, doubts = mapping.repeat_key_with_doubts(webhook)
    if doubts:
        events = tuple([event.with_findings(event.findings + doubts) for event in events])
    if not explain:
        return Translation(mapping.name, mapping.revision, repeat_key, events, webhook.notes, (), erasure)
    from bridge.explain.build import explanation

    traced = partial(_traced, mapping, webhook, spec, finished)
    explained = explanation(mapping, webhook, traced, reveal=reveal)
    return Translation(mapping.name, mapping.revision, repeat_key, events, webhook.notes, explained, erasure)


def _requested(
    mapping: CompiledMapping, requests: CompiledRequests, webhook: Webhook, *, has_events: bool
) -> tuple[Erasure | None, tuple[Draft, ...]]:
    """Return whom a webhook asks to erase, and a draft for everything else that is no event."""
    asked, held = mapping.asked(webhook)
    if asked is None:
        nothing = () if held or has_events else (requests.nothing(mapping.settings),)
        return None, (*held, *nothing)
    identifiers = tuple(readable(asked, mapping.phone_country_of(webhook)))
    if not identifiers or requests.erase is None:
        return None, (*held, requests.unnamed(mapping.settings))
    return Erasure(identifiers, requests.erase.never_send, requests.erase.destination), held


def _traced(
    mapping: CompiledMapping, webhook: Webhook, spec: MetaSpec, finished: tuple[Event, ...]
) -> Iterator[tuple[Draft, Event, Trace]]:
    """Yield each draft and event of a webhook with the trace that is written when it is mapped once more."""
    traces: list[Trace] = []
    for draft, event, trace in zip(mapping.drafts(webhook, traces), finished, traces, strict=True):
        if draft.verdict == "ready":
            normalize(draft, spec, webhook.request.received_at, trace)
        yield draft, event, trace


def finish(draft: Draft | CleanDraft, spec: MetaSpec, now: datetime) -> Event:
    """Clean, hash and validate one draft: it is ready to send, or held with what must be fixed."""
    if isinstance(draft, CleanDraft):
        return _validated(draft, spec, now)
    if draft.verdict != "ready":
        return Event(
            draft.label,
            draft.verdict,
            None,
            draft.send_to,
            draft.findings,
            draft.reason,
            needs=draft.needs,
            consent=draft.consent,
        )
    data, dropped = normalize(draft, spec, now)
    if draft.policy is not None and draft.policy.is_inside(data):
        return _without_consent(draft, draft.policy)
    findings = draft.findings + _reported_once(dropped, validate(data, spec, now))
    return _judged(draft, data, findings, spec)


def _without_consent(draft: Draft, policy: ConsentPolicy) -> Event:
    """Keep an event from going out, as its country wants consent and nobody knows of any."""
    reason = "consent: nothing was said, and the person's country is one where it is required, or not known"
    fix = "have the sender include it, or map the country"
    finding = Finding("error", "consent_unknown", reason, fix, position=policy.position)
    findings = (*draft.findings, finding) if policy.verdict == "held" else draft.findings
    consent = draft.consent or ConsentDecision("unknown", "")
    return Event(draft.label, policy.verdict, None, draft.send_to, findings, reason, consent=consent)


def _validated(draft: CleanDraft, spec: MetaSpec, now: datetime) -> Event:
    """Validate a clean draft: in full when it is the first of its shape, else what its values decide."""
    if not is_right_by_its_values(draft.data, draft.unproven, spec, draft.now):
        return _judged(draft, draft.data, validate(draft.data, spec, now), spec)
    known = draft.shapes.get(draft.shape)
    if known is None:
        known = _judged(draft, draft.data, validate(draft.data, spec, now), spec)
        if len(draft.shapes) >= _MOST_SHAPES:
            draft.shapes.clear()
        draft.shapes[draft.shape] = Event(
            "", known.verdict, None, (), known.findings, known.reason, known.match
        )
    return Event(
        draft.label,
        known.verdict,
        draft.data,
        draft.send_to,
        known.findings,
        known.reason,
        known.match,
        None,
        draft.consent,
    )


def _judged(
    draft: Draft | CleanDraft, data: dict[str, Any], findings: tuple[Finding, ...], spec: MetaSpec
) -> Event:
    if findings:
        findings = tuple(located(finding, draft.positions) for finding in findings)
    errors = [finding for finding in findings if finding.severity == "error"]
    return Event(
        draft.label,
        "held" if errors else "ready",
        data,
        draft.send_to,
        findings,
        errors[0].message if errors else None,
        match_strength(data, spec, None if isinstance(draft, CleanDraft) else draft.by_visit),
        consent=draft.consent,
    )


def _reported_once(dropped: tuple[Finding, ...], judged: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Leave out that a field is missing where an error says already why it could not be read."""
    unread = {finding.path for finding in dropped if finding.severity == "error"}
    if not unread:
        return dropped + judged
    return dropped + tuple(
        finding for finding in judged if finding.code != "missing_field" or finding.path not in unread
    )


def located(finding: Finding, positions: Mapping[str, Position]) -> Finding:
    """Add the mapping line that set the field, or the nearest block around it.

    `$.custom_data.contents[0].id` is looked up as `custom_data.contents.id`, then
    `custom_data.contents`, then `custom_data`.
    """
    if finding.position is not None or finding.path is None:
        return finding
    steps = [part.partition("[")[0] for part in finding.path.removeprefix("$.").split(".")]
    while steps:
        position = positions.get(".".join(steps))
        if position is not None:
            return finding.at(position)
        steps.pop()
    return finding
