"""One event of a mapping, compiled: run for every item of every webhook, it makes a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bridge.coerce.identifiers import identifies
from bridge.consent_decision import ConsentDecision, ConsentPolicy, stricter
from bridge.finding import EventVerdict, Finding, Position
from bridge.mapping.compiler.conditions import Condition
from bridge.mapping.compiler.consent import Consent, ConsentOutcome, denied
from bridge.mapping.compiler.context import PathUse, Read
from bridge.mapping.compiler.copied_properties import Copy
from bridge.mapping.compiler.transforms import SKIP
from bridge.mapping.runtime.no_answer import NoAnswer
from bridge.mapping.runtime.routing import UNDECIDED, Routing
from bridge.mapping.runtime.scope import Scope, text_of
from bridge.mapping.runtime.slots import Slots, fill, report_placeholders
from bridge.mapping.runtime.visit_join import VisitJoin
from bridge.meta_spec.spec import MetaSpec
from bridge.models import CleanDraft, Draft, Event, EventShape, FetchRequest, ReadingSettings

# the event's number and name, and the scope of its item -> an id that a redelivery gives again
MakeEventId = Callable[[int, str, Scope], str]


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of the file that sets a field: what it is, its position and the paths it reads."""

    field: str
    event: int
    position: Position
    paths: tuple[PathUse, ...]
    constant: bool


@dataclass(frozen=True, slots=True)
class EventCode:
    """The function written for one event: its source, what the names in it stand for, its rules.

    `run` returns the event, what gives it another shape than others, the names of its unproven fields, and
    what the person decided where the mapping asks for consent.
    `shapes` is where the pipeline keeps what validation said of events of one shape.
    """

    source: str = field(repr=False)
    spec: MetaSpec
    constants: Mapping[str, Any] = field(repr=False)
    run: Callable[..., tuple[dict[str, Any], list[str], list[str], ConsentDecision | None]]
    gives_up: tuple[type[Exception], ...]
    shapes: dict[EventShape, Event] = field(default_factory=dict, repr=False, compare=False)


class CodeOnDemand:
    """The code of one event, written when the first webhook needs it: of many mappings, most never do."""

    def __init__(self, write: Callable[[], EventCode | None]) -> None:
        self._write = write

    @cached_property
    def code(self) -> EventCode | None:
        """Return the code, or None where the general way must do everything."""
        return self._write()


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """One event, ready to run. `top` fills the event itself, `blocks` what lies in it."""

    number: int
    label: str | None
    conditions: tuple[Condition, ...]
    consent: Consent | None
    event_name: Read
    event_name_text: str | None
    action_source: str
    top: Slots
    blocks: tuple[tuple[str, Slots], ...]
    copy: Copy | None
    limited: Condition | None
    defaults: tuple[tuple[str | None, str, str], ...]
    removed: frozenset[str]
    send_to: tuple[str, ...]
    routing: Routing | None
    positions: Mapping[str, Position]
    lines: tuple[MappedLine, ...]
    on_demand: CodeOnDemand | None = field(default=None, compare=False, repr=False)
    visit: VisitJoin | None = None
    policy: ConsentPolicy | None = None

    @property
    def code(self) -> EventCode | None:
        """Return the code that was written for this event, if it has any."""
        return None if self.on_demand is None else self.on_demand.code

    def cleaned(
        self, scope: Scope, settings: ReadingSettings, made_event_id: MakeEventId, spec: MetaSpec
    ) -> CleanDraft | None:
        """Return what this event makes of one item, mapped and cleaned at once; None when it must be a draft.

        That is when the event has no code for these rules, or something in the webhook is not ordinary:
        a condition that does not hold, a value that is left out, anything to be said.
        """
        code = None if self.on_demand is None else self.on_demand.code
        if code is None or code.spec is not spec:
            return None
        try:
            send_to = self.send_to if self.routing is None else self.routing.destinations(scope)
            name = self.event_name_text or self._name(scope)
            if send_to == UNDECIDED or name is None or name is SKIP:
                return None
            now = int(scope.request.received_at.timestamp())
            data, shape, unproven, consent = code.run(scope, settings, now, name, made_event_id)
        except code.gives_up:
            return None
        return CleanDraft(
            self.label or name,
            data,
            send_to,
            self.positions,
            (name, *shape),
            unproven,
            now,
            code.shapes,
            consent,
        )

    def draft(self, scope: Scope, settings: ReadingSettings, event_id: MakeEventId) -> Draft:
        """Return what this event makes of one item; `event_id` makes an id when the mapping gives none."""
        send_to = self._destinations(scope)
        for condition in self.conditions:
            failed = condition(scope)
            if failed is not None:
                return self._ended(scope, settings, send_to, "skipped", f"when: {failed}")
        outcome = None if self.consent is None else self.consent(scope)
        if outcome is not None and self._ends(outcome):
            return self._not_allowed(scope, settings, send_to, outcome)
        if self.routing is not None and send_to == UNDECIDED:
            return self._of_nobody(scope, settings, self.routing)
        scope.placeholders.clear()
        name: Any = self.event_name_text
        if name is None or scope.trace is not None:
            name = self._name(scope)
        if name is SKIP:
            reason = "event_name: no row of its lookup matches, and otherwise says skip"
            return self._ended(scope, settings, send_to, "skipped", reason)
        fields = self._fields(scope, name)
        consent = None if outcome is None else outcome.decision
        if self.visit is not None:
            consent = stricter(consent, self.visit.consent(scope))
            if consent is not None and consent.decision == "denied":
                return self._not_allowed(scope, settings, send_to, denied(consent))
        given = fields.get("event_id")
        made = event_id(self.number, name or "", scope) if given is None or not identifies(given) else None
        findings = tuple(scope.findings)
        return Draft(
            self.label or name or f"event {self.number}",
            fields,
            settings,
            send_to,
            self.positions,
            findings=findings,
            made_event_id=made,
            consent=consent,
            policy=None if consent is not None and consent.decision == "granted" else self.policy,
            by_visit=scope.by_visit,
        )

    def _ends(self, outcome: ConsentOutcome) -> bool:
        """Say whether a decision ends an event at once; where a policy speaks, its country may save it."""
        is_open = self.policy is not None and outcome.decision.decision == "unknown"
        return outcome.verdict != "ready" and not is_open

    def ended_without_answer(self, scope: Scope, settings: ReadingSettings) -> Draft | None:
        """Return the draft of an event that reads an answer which is not there, and is ended without it.

        A condition or the consent that the webhook alone decides comes before what is fetched.
        """
        scope.trace = None
        send_to = self._destinations(scope)
        for condition in self.conditions:
            with suppress(NoAnswer):
                if (failed := condition(scope)) is not None:
                    return self._ended(scope, settings, send_to, "skipped", f"when: {failed}")
        with suppress(NoAnswer):
            outcome = self.consent(scope) if self.consent is not None else None
            if outcome is not None and self._ends(outcome):
                return self._not_allowed(scope, settings, send_to, outcome)
        return None

    def unfinished(  # noqa: PLR0913, PLR0917 - what a draft is made of
        self,
        scope: Scope,
        settings: ReadingSettings,
        verdict: EventVerdict,
        reason: str,
        findings: tuple[Finding, ...] = (),
        needs: FetchRequest | None = None,
    ) -> Draft:
        """Return the draft of an event that reads an answer which is not there, under its final label."""
        label = self.label or self._name_without_answer(scope) or f"event {self.number}"
        send_to = self._destinations(scope)
        return Draft(label, {}, settings, send_to, self.positions, verdict, reason, findings, needs=needs)

    def _destinations(self, scope: Scope) -> tuple[str, ...]:
        return self.send_to if self.routing is None else self.routing.destinations(scope)

    def _name_without_answer(self, scope: Scope) -> str | None:
        scope.trace = None
        try:
            name = self.event_name_text or self._name(scope)
        except NoAnswer:
            return None
        return None if name is SKIP else name

    def _name(self, scope: Scope) -> Any:
        if scope.trace is not None:
            scope.field = "event_name"
            scope.trace.record("event_name")
        name = self.event_name.read(scope)
        return name if name is SKIP or name is None else text_of(name)

    def _fields(self, scope: Scope, name: str | None) -> dict[str, Any]:
        report_placeholders("event_name", name, scope)
        fields: dict[str, Any] = {"action_source": self.action_source}
        if name is not None:
            fields["event_name"] = name
        fill(self.top, scope, fields)
        for block, slots in self.blocks:
            inner: dict[str, Any] = {}
            fill(slots, scope, inner)
            if inner:
                fields[block] = inner
        if self.visit is not None:
            fields |= self.visit.filled(scope, fields.get("user_data", {}))
        if self.copy is not None:
            self.copy(scope, fields.setdefault("custom_data", {}))
        if self.defaults:
            self._apply_defaults(scope, fields)
        if (
            self.limited is not None
            and "data_processing_options" not in fields
            and self.limited(scope) is None
        ):
            fields["data_processing_options"] = ["LDU"]
            fields.setdefault("data_processing_options_country", 0)
            fields.setdefault("data_processing_options_state", 0)
        if "event_time" not in fields:
            self._warn_when_mapped("event_time", "the time of receipt is sent instead", scope)
            fields["event_time"] = int(scope.request.received_at.timestamp())
        if "event_id" not in fields:
            self._warn_when_mapped("event_id", "an id made from the webhook is used instead", scope)
        return fields

    def _warn_when_mapped(self, field: str, instead: str, scope: Scope) -> None:
        """Add a finding for a field that is mapped and not in this webhook, unless another says why."""
        is_said = any(finding.path == f"$.{field}" for finding in scope.findings)
        if not is_said and any(key == field for key, _, _ in self.top):
            message = f"{field} is mapped, but nothing was found for it in this webhook; {instead}"
            fix = "check the name on the right, or have the sender send it"
            scope.findings.append(
                Finding(
                    "warning", f"{field}_not_found", message, fix, f"$.{field}", self.positions.get(field)
                )
            )

    def _apply_defaults(self, scope: Scope, fields: dict[str, Any]) -> None:
        for block, key, text in self.defaults:
            target = fields if block is None else fields.setdefault(block, {})
            if key not in target:
                target[key] = text
                if scope.trace is not None:
                    record = scope.trace.record(f"{block}.{key}" if block else key)
                    record.defaulted, record.dropped, record.supplied_by = True, None, "defaults"

    def _of_nobody(self, scope: Scope, settings: ReadingSettings, routing: Routing) -> Draft:
        """Return the draft of an event whose client is unknown: nobody else's dataset gets it."""
        finding = routing.unknown()
        if routing.skips:
            return self._ended(scope, settings, UNDECIDED, "skipped", f"send_to: {finding.message}")
        label = self.label or self.event_name_text or f"event {self.number}"
        return Draft(label, {}, settings, UNDECIDED, self.positions, "held", finding.message, (finding,))

    def _not_allowed(
        self, scope: Scope, settings: ReadingSettings, send_to: tuple[str, ...], outcome: ConsentOutcome
    ) -> Draft:
        verdict, reason, consent = outcome
        if verdict == "held":
            fix = "have the sender include it, or set unknown under consent"
            position = self.positions.get("consent")
            scope.findings.append(Finding("error", "consent_unknown", reason, fix, position=position))
        return self._ended(scope, settings, send_to, verdict, reason, consent)

    def _ended(  # noqa: PLR0913, PLR0917 - what a draft is made of
        self,
        scope: Scope,
        settings: ReadingSettings,
        send_to: tuple[str, ...],
        verdict: EventVerdict,
        reason: str,
        consent: ConsentDecision | None = None,
    ) -> Draft:
        label = self.label or self.event_name_text or f"event {self.number}"
        findings = tuple(scope.findings)
        return Draft(label, {}, settings, send_to, self.positions, verdict, reason, findings, consent=consent)
