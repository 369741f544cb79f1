"""Answers for a dry run that really asks: the sources of the settings are called, once for each record."""

from __future__ import annotations

from collections.abc import Callable

from bridge.fetch.client import SourceClient
from bridge.fetch.outcomes import FoundRecord, NoRecord, SourceOutcome
from bridge.mapping import CompiledMapping
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.models import AnswerLookup, Fetched, FetchRequest, Translation


def live_answers(
    mapping: CompiledMapping, client: SourceClient, translated: Callable[[AnswerLookup], Translation]
) -> AnswerLookup:
    """Make every call that a webhook needs, round after round, and return what looks up their answers.

    `translated` maps the webhook with the answers so far; what it still needs is asked for next.
    """
    answers: dict[FetchRequest, Fetched] = {}
    while calls := translated(answers.get).calls:
        for call in calls:
            answers[call] = _answer(mapping.step(call.step), client.call(call))
    return answers.get


def _answer(step: FetchStep, outcome: SourceOutcome) -> Fetched:
    if isinstance(outcome, FoundRecord):
        return step.answered(outcome.data, outcome.took_ms, "cached" if outcome.cached else "")
    if isinstance(outcome, NoRecord):
        return step.missing(outcome.took_ms)
    return step.failed(outcome.reason)
