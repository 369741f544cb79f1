"""A mapping ready to run: a webhook becomes drafts of events, and a key that recognizes repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from bridge.coerce.identifiers import identifies
from bridge.explain.trace import Trace
from bridge.finding import Finding, Position
from bridge.mapping.compiler.context import MAX_ITEMS, Read
from bridge.mapping.compiler.receive import OnResult, TestCode
from bridge.mapping.language.inline_tests import MappingTest
from bridge.mapping.runtime.erase_requests import CompiledRequests
from bridge.mapping.runtime.event import CompiledEvent, MappedLine
from bridge.mapping.runtime.fetch_step import FetchStep, recorded_answers
from bridge.mapping.runtime.no_answer import AnswerNeeded, AnswerWithheld
from bridge.mapping.runtime.routing import UNDECIDED
from bridge.mapping.runtime.scope import Reader, Scope, entries_of, text_of
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec
from bridge.models import AnswerLookup, CleanDraft, Draft, ReadingSettings, Receive, Webhook
from bridge.positioned_yaml import Block

_Made = TypeVar("_Made", Draft, Draft | CleanDraft)


@dataclass(frozen=True, slots=True)
class Each:
    """The list whose entries are mapped one by one."""

    path: str
    locate: Reader
    position: Position


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """One mapping file, compiled; shared by all threads. Running it never raises, whatever the payload."""

    name: str
    file: Path
    revision: str
    description: str
    receive: Receive
    settings: ReadingSettings
    phone_country: Read | None
    each: Each | None
    first_only: bool
    events: tuple[CompiledEvent, ...]
    samples: tuple[Path, ...]
    tests: tuple[MappingTest, ...]
    test_event_code: TestCode | None
    on_result: OnResult | None
    warnings: tuple[Finding, ...]
    node: Block = field(repr=False)
    requests: CompiledRequests | None = None
    fetch: tuple[FetchStep, ...] = ()
    fetch_lines: tuple[MappedLine, ...] = ()

    @property
    def send_to(self) -> tuple[str, ...]:
        """Return every destination an event of this mapping may go to."""
        of_events = [name for event in self.events for name in event.send_to]
        return tuple(dict.fromkeys(of_events or (self.requests.send_to if self.requests else ())))

    def saved_text(self) -> bytes | None:
        """Return the content of the file, as long as it is what this mapping was made of."""
        try:
            content = self.file.read_bytes()
        except OSError:
            return None
        return content if revision_of(content) == self.revision else None

    @property
    def undecided(self) -> tuple[str, ...]:
        """Return where a webhook belongs that no event could be made of: to nobody, when it should decide."""
        return UNDECIDED if any(event.routing for event in self.events) else self.send_to

    @property
    def lines(self) -> tuple[MappedLine, ...]:
        """Return every mapped line of the events, of `fetch`, `erase` and `hold`, with the paths it reads."""
        of_events = (line for event in self.events for line in event.lines)
        return (*self.fetch_lines, *of_events, *(self.requests.lines if self.requests else ()))

    def step(self, name: str) -> FetchStep:
        """Return a step of `fetch`; raises KeyError when there is none of that name."""
        return {step.name: step for step in self.fetch}[name]

    def recorded(self, answers: Mapping[str, Any]) -> AnswerLookup:
        """Return what looks calls up in answers that somebody wrote down, by path or by step."""
        return recorded_answers(self.fetch, answers)

    def drafts(self, webhook: Webhook, traces: list[Trace] | None = None) -> tuple[Draft, ...]:
        """Return one draft for every event of every item, the skipped and suppressed ones too.

        With `traces`, one trace is added for each draft, in the same order; it is written by the same
        readers that run without it.
        """
        scope = Scope(webhook, self.name)
        settings = self.settings if self.phone_country is None else self._settings(scope, self.phone_country)
        drafts: list[Draft] = []
        if self.each is None:
            self._run(scope, settings, drafts, traces)
            return tuple(drafts)
        for item in self._items(self.each, scope, settings, drafts, traces):
            self._run(item, settings, drafts, traces)
        return tuple(drafts)

    def cleaned_drafts(self, webhook: Webhook, spec: MetaSpec) -> tuple[Draft | CleanDraft, ...]:
        """Return the same, with every event that is ordinary cleaned by its code already."""
        scope = Scope(webhook, self.name)
        settings = self.settings if self.phone_country is None else self._settings(scope, self.phone_country)
        drafts: list[Draft | CleanDraft] = []
        if self.each is None:
            self._run_code(scope, settings, drafts, spec)
            return tuple(drafts)
        for item in self._items(self.each, scope, settings, drafts, None):
            self._run_code(item, settings, drafts, spec)
        return tuple(drafts)

    def _run_code(
        self, scope: Scope, settings: ReadingSettings, drafts: list[Draft | CleanDraft], spec: MetaSpec
    ) -> None:
        for event in self.events:
            scope.findings = []
            clean = event.cleaned(scope, settings, self._made_event_id, spec)
            if clean is not None:
                drafts.append(clean)
                skipped = False
            else:
                scope.findings = []
                draft = self._draft(event, scope, settings)
                drafts.append(draft)
                skipped = draft.verdict == "skipped"
            if self.first_only and not skipped:
                return

    def _draft(self, event: CompiledEvent, scope: Scope, settings: ReadingSettings) -> Draft:
        """Return the draft of an event; one that reads an answer that is not there waits, or is held."""
        try:
            return event.draft(scope, settings, self._made_event_id)
        except AnswerNeeded as needed:
            ended = event.ended_without_answer(scope, settings)
            return ended or event.unfinished(scope, settings, "fetching", str(needed), needs=needed.call)
        except AnswerWithheld as withheld:
            return event.unfinished(scope, settings, "held", str(withheld), (withheld.finding,))

    def asked(self, webhook: Webhook) -> tuple[Mapping[str, tuple[str, ...]] | None, tuple[Draft, ...]]:
        """Return how the webhook names whom it asks to erase, and drafts of what a person has to answer."""
        if self.requests is None:
            return None, ()
        scopes = self._scopes(webhook, None)
        return self.requests.asked(scopes), self.requests.held(scopes, self.settings)

    def read_by_requests(self, webhook: Webhook) -> list[Trace]:
        """Return what `asked` reads of the webhook, for an explanation."""
        if self.requests is None:
            return []
        scopes = self._scopes(webhook, [])
        traces = [Trace() for _ in scopes]
        for scope, trace in zip(scopes, traces, strict=True):
            scope.trace = trace
        self.requests.asked(scopes)
        self.requests.held(scopes, self.settings)
        return traces

    def _scopes(self, webhook: Webhook, traces: list[Trace] | None) -> list[Scope]:
        scope = Scope(webhook, self.name)
        if self.each is None:
            return [scope]
        unused: list[Draft] = []
        return list(self._items(self.each, scope, self.settings, unused, traces))

    def phone_country_of(self, webhook: Webhook) -> str | None:
        """Return the country of phone numbers without a prefix."""
        if self.phone_country is None:
            return self.settings.phone_country
        return self._settings(Scope(webhook, self.name), self.phone_country).phone_country

    def repeat_key(self, webhook: Webhook) -> bytes:
        """Return a digest: webhooks of this mapping with the same one are one webhook."""
        return self.repeat_key_with_doubts(webhook)[0]

    def repeat_key_with_doubts(self, webhook: Webhook) -> tuple[bytes, tuple[Finding, ...]]:
        """Return the digest, and a finding where the mapped key identifies nothing."""
        texts = self._repeat_texts(webhook) if self.receive.repeat_key is not None else ()
        if not texts:
            return _digest(b"body", webhook.request.body), ()
        if not all(map(_is_usable_key, texts)):
            return _digest(b"body", webhook.request.body), (self._unusable_key(),)
        return _digest(b"key", *(text.encode("utf-8", "surrogatepass") for text in texts)), ()

    def _unusable_key(self) -> Finding:
        receive = self.node.get("receive")
        key = receive.get("repeat_key") if isinstance(receive, Block) else None
        message = (
            "repeat_key is a placeholder, or a number that lost its digits: it identifies no webhook, "
            "and the whole body stands in for it"
        )
        fix = "have the sender fill it in, or name another field"
        return Finding("warning", "repeat_key_unusable", message, fix, position=key.position if key else None)

    def _repeat_texts(self, webhook: Webhook) -> list[str]:
        """Return the texts of the mapped repeat key; none when nothing is mapped or found."""
        if self.receive.repeat_key is None:
            return []
        value = self.receive.repeat_key(webhook)
        return [text for part in (value if isinstance(value, list) else [value]) if (text := text_of(part))]

    def _run(
        self, scope: Scope, settings: ReadingSettings, drafts: list[Draft], traces: list[Trace] | None
    ) -> None:
        for event in self.events:
            scope.findings = []
            if traces is not None:
                scope.trace = Trace()
                traces.append(scope.trace)
            draft = self._draft(event, scope, settings)
            drafts.append(draft)
            if self.first_only and draft.verdict != "skipped":
                return

    def _settings(self, scope: Scope, phone_country: Read) -> ReadingSettings:
        country = text_of(phone_country.read(scope))
        scope.placeholders.clear()
        return _with_country(self.settings, country) if country and len(country) <= 60 else self.settings

    def _items(
        self,
        each: Each,
        scope: Scope,
        settings: ReadingSettings,
        drafts: list[_Made],
        traces: list[Trace] | None,
    ) -> Iterator[Scope]:
        items = each.locate.read(scope)
        alone = isinstance(items, dict) and items is scope.root
        entries = entries_of(items, scope)
        for index, item in enumerate(entries[:MAX_ITEMS]):
            base = "" if traces is None or alone else scope.place_of(each.path, index)
            yield scope.inside(item, index, base)
        if not entries or len(entries) > MAX_ITEMS:
            drafts.append(self._no_items(each, settings, too_many=bool(entries)))
            if traces is not None:
                traces.append(Trace())

    def _no_items(self, each: Each, settings: ReadingSettings, *, too_many: bool) -> Draft:
        """Return the draft that says why a list gave nothing, or not all of it."""
        if not too_many:
            reason = f"for_each: the webhook has no list {each.path}"
            return Draft("for_each", {}, settings, self.undecided, {}, "skipped", reason)
        reason = f"for_each: the list has more than {MAX_ITEMS} entries; the others were not mapped"
        finding = Finding(
            "error", "too_many_items", reason, "have the sender split it", position=each.position
        )
        return Draft("for_each", {}, settings, self.undecided, {}, "held", reason, (finding,))

    def _made_event_id(self, number: int, name: str, scope: Scope) -> str:
        """Return an id that is the same when the same webhook comes again."""
        parts = (self.name, name, str(number), str(scope.index))
        key = self.repeat_key(scope.webhook)
        return _digest(key, *(part.encode("utf-8", "surrogatepass") for part in parts)).hex()[:32]


def revision_of(content: bytes) -> str:
    """Return the name of a content: what an event says it was mapped with."""
    return hashlib.sha256(content).hexdigest()[:16]


def _is_usable_key(text: str) -> bool:
    return identifies(text) and text.strip().lower() not in load_meta_spec().placeholders


def _digest(*parts: bytes) -> bytes:
    """Return a fingerprint of parts; their lengths are part of it, so that no two splits are equal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


@lru_cache(maxsize=512)
def _with_country(settings: ReadingSettings, country: str) -> ReadingSettings:
    return replace(settings, phone_country=country.upper() if len(country) == 2 else country)
