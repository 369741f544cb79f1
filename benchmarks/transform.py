"""Part `transform`: one order through the real pipeline, against Meta's Python SDK and against a lower bound.

The ways take turns order by order, so that none has the processor's caches to itself: in a server nothing
runs twice in a row. CPU time of this thread, so that a busy machine does not count as ours. JSON in, JSON
out; every order of a round is another person's.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import purchase
from benchmarks.figures import Figure, figure
from benchmarks.node_sdk import node_sdk_microseconds
from benchmarks.rounds import Series
from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Request
from bridge.pipeline import translate
from bridge.serialization import encode
from bridge.validate import validate

PART = "transform"
ROUNDS = 15
ORDERS = 300


def measure(*, rounds: int = ROUNDS, node: bool = True) -> list[Figure]:
    """Return microseconds per event of each way, and the ratios."""
    series = _turns(rounds)
    sdk, plain, explained, written, checking, least = (series[name] for name in series)
    figures = [
        figure(PART, "transform + validate, against the official Python SDK", "x", sdk.over(plain)),
        figure(PART, "the same with the explanation asked for", "x", sdk.over(explained)),
        figure(PART, "the same with the explanation written out", "x", sdk.over(written)),
        figure(PART, "of the floor's speed", "x", least.over(plain)),
        figure(PART, "validation, share of the pipeline", "x", checking.over(plain)),
        *(figure(PART, name, "us/event", one) for name, one in series.items()),
    ]
    return figures + (node_sdk_microseconds(PART) if node else [])


def _turns(rounds: int) -> dict[str, Series]:
    """Run every way on every order, in turn; return the CPU microseconds per order of each round."""
    spec, mapping = prepare()
    bodies = purchase.people(ORDERS)
    requests = [purchase.request(body) for body in bodies]
    events = [dict(translate(request, mapping, spec).events[0].data or {}) for request in requests]
    ways: list[tuple[str, Callable[[Any], Any], list[Any]]] = [
        ("official Python SDK: parse, build, normalize, dump", purchase.with_the_sdk, bodies),
        (
            "pipeline: verify to validated event, JSON in and out",
            partial(run_pipeline, mapping, spec),
            requests,
        ),
        ("pipeline, explanation asked for", partial(run_pipeline, mapping, spec, explain=True), requests),
        ("pipeline, explanation written out", partial(run_with_explanation, mapping, spec), requests),
        ("validation alone", lambda event: validate(event, spec, purchase.NOW), events),
        ("floor: orjson, ten SHA-256, orjson", purchase.floor, bodies),
    ]
    measured: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for number in range(rounds + 1):
        spent = _one_round(ways, random.Random(number))
        for name, microseconds in spent.items():
            measured[name].append(microseconds)
    return {name: Series(tuple(values[1:])) for name, values in measured.items()}  # the first one warms


def _one_round(
    ways: list[tuple[str, Callable[[Any], Any], list[Any]]], jitter: random.Random
) -> dict[str, float]:
    spent = dict.fromkeys((name for name, _, _ in ways), 0)
    for place in range(ORDERS):
        order = ways.copy()
        jitter.shuffle(order)
        for name, way, inputs in order:
            started = time.thread_time_ns()
            way(inputs[place])
            spent[name] += time.thread_time_ns() - started
    return {name: nanoseconds / ORDERS / 1e3 for name, nanoseconds in spent.items()}


def prepare() -> tuple[MetaSpec, CompiledMapping]:
    """Load the rules and the mapping as the server does."""
    spec = load_meta_spec()
    with tempfile.TemporaryDirectory() as folder:
        file = purchase.write_mapping(Path(folder))
        return spec, load_mapping(file, environment={}, spec=spec)


def run_pipeline(
    mapping: CompiledMapping, spec: MetaSpec, request: Request, *, explain: bool = False
) -> list[bytes]:
    """Run one webhook through the real pipeline and write what would be sent."""
    translation = translate(request, mapping, spec, explain=explain)
    return [encode(event.data) for event in translation.events]


def run_with_explanation(mapping: CompiledMapping, spec: MetaSpec, request: Request) -> bytes:
    """Do the same, and read the whole explanation, which is computed only then."""
    translation = translate(request, mapping, spec, explain=True)
    return encode([[event.data for event in translation.events], list(translation.explanation)])
