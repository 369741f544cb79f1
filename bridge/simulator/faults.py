"""The language that says how the simulator fails, and the plan it keeps.

    plan      = step {"," step}
    step      = [rule ":"] fault {":" option} ["*" [count]]
    rule      = "every=" count | "some=" percent "%"
    fault     = "ok" | status | code ["/" subcode] | "http=" status | "error=" code ["/" subcode]
              | "transient" | "html" | "empty" | "garbage" | "timeout" | "reset"
              | "slow=" time | "events_received=" count
    option    = "retry-after=" seconds | "usage=" percent | "wait=" minutes | "subcode=" n | "status=" n
              | "transient" | "warning"

Steps without a rule are used up one request each, in order (`500*3` three, `500*` for good). A step with a
rule stays, and applies to the requests that no other step used. `-after-accept` behind a fault accepts the
events first: the response is wrong or lost, the events are not.
"""

from __future__ import annotations

import random
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bridge.errors import WrongUse

FaultKind = Literal["ok", "error", "html", "empty", "garbage", "timeout", "reset"]

_HTTP_STATUSES = {"429": 4, "500": 1, "503": 2}
_HTML_STATUSES = {"502", "504"}
_STEP = re.compile(r"(?:(?P<rule>every=\d+|some=\d+%):)?(?P<what>[^*]+)(?:\*(?P<count>\d*))?")
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_FOREVER = -1


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request. The default is none: an ordinary response."""

    kind: FaultKind = "ok"
    status: int | None = None
    code: int = 1
    subcode: int | None = None
    transient: bool | None = None
    after_accept: bool = False
    delay_seconds: float = 0.0
    events_received: int | None = None
    retry_after_seconds: int | None = None
    usage_percent: int | None = None
    wait_minutes: int = 0
    version_warning: bool = False


NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class FaultStep:
    """One step of a plan: a fault, and for which requests."""

    text: str
    fault: Fault
    count: int = 1
    every: int | None = None
    percent: int | None = None

    @property
    def stays(self) -> bool:
        """Return whether the step is a rule and not a number of requests."""
        return self.every is not None or self.percent is not None


def read_plan(plan: str) -> tuple[FaultStep, ...]:
    """Read a plan; WrongUse names the invalid step."""
    texts = [text.strip() for text in plan.split(",")]
    return tuple(_read_step(text) for text in texts if text)


def _read_step(text: str) -> FaultStep:
    match = _STEP.fullmatch(text)
    if match is None:
        raise _invalid_step(text)
    what, *options = match["what"].strip().split(":")
    fault = _read_fault(what, text)
    for option in options:
        fault = _with_option(fault, option, text)
    selector, _, number = (match["rule"] or "").partition("=")
    count = _FOREVER if match["count"] == "" else int(match["count"] or 1)
    every = int(number) if selector == "every" else None
    percent = int(number.rstrip("%")) if selector == "some" else None
    if every == 0 or count == 0:
        raise _invalid_step(text)
    return FaultStep(text, fault, count, every, percent)


def _invalid_step(text: str) -> WrongUse:
    return WrongUse(
        f"faults: '{text}' is not a valid step",
        fix="write for example 500*3, timeout, 190/463, 429:retry-after=2, every=5:2; see docs/simulator.md",
    )


def _read_fault(what: str, text: str) -> Fault:
    name, after, _ = what.partition("-after-accept")
    word, _, value = name.partition("=")
    reader = _FAULTS.get(word) or (_read_number if word.partition("/")[0].isdigit() else None)
    if reader is None:
        raise _invalid_step(text)
    try:
        return replace(reader(value or word), after_accept=bool(after))
    except ValueError as error:
        raise _invalid_step(text) from error


def _read_number(number: str) -> Fault:
    """Read a bare number: the usual HTTP statuses are statuses, every other number is a Graph API code."""
    if number in _HTML_STATUSES:
        return Fault("html", status=int(number))
    if number in _HTTP_STATUSES:
        return Fault("error", status=int(number), code=_HTTP_STATUSES[number])
    return _read_code(number)


def _read_code(number: str) -> Fault:
    code, _, subcode = number.partition("/")
    return Fault("error", code=int(code), subcode=int(subcode) if subcode else None)


def _read_delay(value: str) -> Fault:
    return Fault(delay_seconds=_seconds(value))


def _seconds(value: str) -> float:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError("a time is a number with ms, s or m")
    return float(match["number"]) * _SECONDS[match["unit"]]


# name -> reader of the value after its "="
_FAULTS: Mapping[str, Callable[[str], Fault]] = {
    "ok": lambda _: Fault(),
    "http": lambda value: Fault("error", status=int(value)),
    "error": _read_code,
    "transient": lambda _: Fault("error", code=2, transient=True),
    "html": lambda value: Fault("html", status=502 if value == "html" else int(value)),
    "empty": lambda _: Fault("empty"),
    "garbage": lambda _: Fault("garbage"),
    "timeout": lambda _: Fault("timeout"),
    "reset": lambda _: Fault("reset"),
    "slow": _read_delay,
    "events_received": lambda value: Fault(events_received=int(value)),
}

# option -> the field it sets and how its value is read
_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "retry-after": ("retry_after_seconds", int),
    "usage": ("usage_percent", int),
    "wait": ("wait_minutes", int),
    "subcode": ("subcode", int),
    "status": ("status", int),
    "transient": ("transient", lambda value: value != "no"),
    "warning": ("version_warning", lambda _: True),
    "slow": ("delay_seconds", _seconds),
}


def _with_option(fault: Fault, option: str, text: str) -> Fault:
    word, _, value = option.strip().partition("=")
    if word not in _OPTIONS:
        raise _invalid_step(text)
    name, read = _OPTIONS[word]
    try:
        return replace(fault, **{name: read(value)})
    except ValueError as error:
        raise _invalid_step(text) from error


class FaultPlan:
    """Deals out faults, one for each request; thread safe, and repeatable for one seed."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - a repeatable choice is the point
        self._queue: deque[FaultStep] = deque()
        self._rules: list[FaultStep] = []
        self._requests = 0

    def add(self, plan: str) -> None:
        """Append a plan to the steps that are still to come; nothing is added when one step is invalid."""
        steps = read_plan(plan)
        with self._lock:
            self._queue.extend(step for step in steps if not step.stays)
            self._rules.extend(step for step in steps if step.stays)

    def clear(self) -> None:
        """Forget every step, and count requests from one again."""
        with self._lock:
            self._queue.clear()
            self._rules.clear()
            self._requests = 0

    def waiting(self) -> list[str]:
        """Return the steps still to come, as they could be written."""
        with self._lock:
            return [_remaining(step) for step in self._queue] + [step.text for step in self._rules]

    def next(self) -> Fault:
        """Return what happens to the request at hand."""
        with self._lock:
            self._requests += 1
            if self._queue:
                return self._take()
            return next((step.fault for step in self._rules if self._acts(step)), NO_FAULT)

    def _take(self) -> Fault:
        step = self._queue.popleft()
        if step.count == _FOREVER:
            self._queue.appendleft(step)
        elif step.count > 1:
            self._queue.appendleft(replace(step, count=step.count - 1))
        return step.fault

    def _acts(self, step: FaultStep) -> bool:
        if step.every is not None:
            return self._requests % step.every == 0
        return self._random.random() * 100 < (step.percent or 0)


def _remaining(step: FaultStep) -> str:
    stem = step.text.partition("*")[0]
    return {_FOREVER: f"{stem}*", 1: stem}.get(step.count, f"{stem}*{step.count}")
