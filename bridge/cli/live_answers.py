"""Answers for a dry run that really asks: the sources of the settings are called, once for each record."""

from __future__ import annotations

from collections.abc import Callable

from bridge.fetch.client import SourceClient
from bridge.fetch.outcomes import FoundRecord, NoRecord, SourceOutcome
from bridge.fetch.visit_lookup import VisitLookup
from bridge.mapping import CompiledMapping
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.models import AnswerLookup, Fetched, FetchRequest, Translation


def live_answers(
    mapping: CompiledMapping,
    client: SourceClient,
    visits: VisitLookup | None,
    translated: Callable[[AnswerLookup], Translation],
) -> AnswerLookup:
    """Make every call that a webhook needs, round after round, and return what looks up their answers.

    `translated` maps the webhook with the answers so far; what it still needs is asked for next. Without
    `visits` no earlier visit is found.
    """
    answers: dict[FetchRequest, Fetched] = {}
    while calls := translated(answers.get).calls:
        for call in calls:
            step = mapping.step(call.step)
            if call.source == VISIT_SOURCE:
                answers[call] = visits.answer(mapping, call) if visits else step.missing()
            else:
                answers[call] = _answer(step, client.call(call))
    return answers.get


def _answer(step: FetchStep, outcome: SourceOutcome) -> Fetched:
    if isinstance(outcome, FoundRecord):
        return step.answered(outcome.data, outcome.took_ms, "cached" if outcome.cached else "")
    if isinstance(outcome, NoRecord):
        return step.missing(outcome.took_ms)
    return step.failed(outcome.reason)
