"""Why an event cannot be finished now: a path reads the answer of a call, and there is none."""

from __future__ import annotations

from bridge.finding import Finding
from bridge.models import FetchRequest


class NoAnswer(Exception):
    """There is no answer to read; the message says for people which one."""


class AnswerNeeded(NoAnswer):
    """Nobody has asked yet: `call` is to be made."""

    def __init__(self, message: str, call: FetchRequest) -> None:
        super().__init__(message)
        self.call = call


class AnswerWithheld(NoAnswer):
    """There is no answer to be had, and the mapping holds the events that read it, with `finding`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding
