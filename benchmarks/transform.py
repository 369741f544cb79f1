"""Part `transform`: one order through the real road, against Meta's Python SDK and against the floor.

CPU time of this process, so that a busy machine does not count as ours. JSON in, JSON out; every order of a
batch is another person's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import purchase
from benchmarks.figures import Figure, figure
from benchmarks.node_sdk import node_sdk_microseconds
from benchmarks.rounds import in_rounds
from bridge.catalog import Catalog, load_catalog
from bridge.encode import encode
from bridge.mapping import CompiledMapping, load_mapping
from bridge.pipeline import translate
from bridge.validate import validate
from bridge.values import Request

PART = "transform"
ROUNDS = 15
BATCH = 300


def measure(*, rounds: int = ROUNDS, node: bool = True) -> list[Figure]:
    """Return microseconds per event of each way, and the ratios that are asked for."""
    catalog, mapping = prepare()
    bodies = purchase.people(BATCH)
    requests = [purchase.request(body) for body in bodies]
    events = [dict(translate(request, mapping, catalog).events[0].data or {}) for request in requests]
    ways: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
        "official Python SDK: parse, build, normalize, dump": (purchase.with_the_sdk, bodies),
        "the road: verify to validated event, JSON in and out": (partial(road, mapping, catalog), requests),
        "the road, explained": (partial(road, mapping, catalog, explain=True), requests),
        "validation alone": (lambda event: validate(event, catalog, purchase.NOW), events),
        "floor: orjson, ten SHA-256, orjson": (purchase.floor, bodies),
    }
    for way in ways.values():
        cpu_microseconds(*way)  # warm
    series = in_rounds({name: partial(cpu_microseconds, *way) for name, way in ways.items()}, rounds)
    sdk, plain, explained, checking, least = (series[name] for name in ways)
    figures = [
        figure(PART, "transform + validate, against the official Python SDK", "x", sdk.over(plain)),
        figure(PART, "the same with the explanation written", "x", sdk.over(explained)),
        figure(PART, "of the floor's speed", "x", least.over(plain)),
        figure(PART, "validation, share of the road", "x", checking.over(plain)),
        *(figure(PART, name, "us/event", series[name]) for name in ways),
    ]
    return figures + (node_sdk_microseconds(PART) if node else [])


def prepare() -> tuple[Catalog, CompiledMapping]:
    """Load the rules and the mapping as the server does."""
    catalog = load_catalog()
    with tempfile.TemporaryDirectory() as folder:
        file = purchase.write_mapping(Path(folder))
        return catalog, load_mapping(file, environment={}, catalog=catalog)


def road(
    mapping: CompiledMapping, catalog: Catalog, request: Request, *, explain: bool = False
) -> list[bytes]:
    """Drive one webhook down the real road and write what would be sent."""
    translation = translate(request, mapping, catalog, explain=explain)
    return [encode(event.data) for event in translation.events]


def cpu_microseconds(way: Callable[[Any], Any], inputs: list[Any]) -> float:
    """Return CPU microseconds for each of the inputs."""
    started = time.process_time()
    for one in inputs:
        way(one)
    return (time.process_time() - started) / len(inputs) * 1e6
