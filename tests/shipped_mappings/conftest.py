"""Every shipped mapping and its samples, for the tests in this folder; and what a new one still lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.errors import Invalid
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.sample_dates import redated
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import Request, Translation
from bridge.pipeline import translate
from bridge.serialization import encode

FOLDER = shipped("mappings")
OPEN_TO_EVERYBODY = {"browser", "website-lead-form"}
WITHOUT_A_VENDOR = {"browser", "website-lead-form"}
OUTCOMES = ("ready", "skipped", "held", "suppressed", "erasing")
ANSWERS = ".fetched.json"
KEYS = {"headers", "query", "url", "secrets", "now", "outcome"}


@dataclass(frozen=True)
class Sample:
    """One shipped sample: the request it came as, and what the mapping makes of it."""

    mapping: str
    name: str
    file: Path
    request: Request
    outcome: str
    secrets: Mapping[str, str] = field(repr=False)
    fetched: Mapping[str, Any] = field(repr=False)


@cache
def names() -> tuple[str, ...]:
    """Return the mappings that have everything; for the others one test says what is missing."""
    return tuple(name for name in every_name() if not missing(name))


def every_name() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(sample for name in names() for sample in samples_of(name))


def samples_of(name: str) -> Iterator[Sample]:
    for side_file in header_files(name):
        claim = claim_of(side_file)
        [body] = bodies_of(side_file)
        arrived = json.loads(side_file.read_text("utf-8"))
        yield Sample(
            name,
            f"{name}: {claim}",
            body,
            request_of(body, arrived, name),
            arrived["outcome"],
            arrived.get("secrets", {}),
            recorded_answers(body),
        )


def recorded_answers(body: Path) -> Mapping[str, Any]:
    """Return what is recorded beside a body of the records that its mapping fetches."""
    file = body.with_suffix(ANSWERS)
    return json.loads(file.read_text("utf-8"), parse_float=Decimal) if file.exists() else {}


def translated(sample: Sample, request: Request | None = None) -> Translation:
    """Translate a sample, or the same webhook on another day, with its recorded answers."""
    known, asked = mapping(sample.mapping), request or sample.request
    moved = redated(encode(sample.fetched), sample.request.received_at, asked.received_at)
    answers = known.recorded(json.loads(moved, parse_float=Decimal))
    return translate(asked, known, load_meta_spec(), fetched=answers)


def header_files(name: str) -> list[Path]:
    return sorted((FOLDER / "samples" / name).glob("*.headers.json"))


def claim_of(side_file: Path) -> str:
    return side_file.name.removesuffix(".headers.json")


def bodies_of(side_file: Path) -> list[Path]:
    claim = claim_of(side_file)
    beside = (side_file, side_file.with_name(f"{claim}{ANSWERS}"))
    return [file for file in side_file.parent.glob(f"{claim}.*") if file not in beside]


# --- what a contribution needs -------------------------------------------------------------------


@cache
def missing(name: str) -> tuple[str, ...]:
    """Return a sentence for everything that a shipped mapping lacks; CONTRIBUTING.md lists the steps."""
    lacks = (*missing_in_mapping(name), *missing_in_samples(name), *missing_in_readme(name))
    return lacks or tuple(errors_of(name))


def errors_of(name: str) -> Iterator[str]:
    secrets = {key: value for sample in samples_of(name) for key, value in sample.secrets.items()}
    try:
        load_mapping(FOLDER / f"{name}.yaml", environment=secrets, spec=load_meta_spec())
    except Invalid as error:
        for found in error.findings:
            line = found.position.line if found.position else "?"
            yield f"mappings/{name}.yaml:{line}: {found.message}; {found.fix}"


def missing_in_mapping(name: str) -> Iterator[str]:
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    if name not in WITHOUT_A_VENDOR and not any("https://" in line for line in comments):
        yield f"mappings/{name}.yaml: the comment at the top has no link to the vendor's documentation"
    for key, what in REQUIRED_KEYS.items():
        if not re.search(rf"^{key}:", text, re.MULTILINE):
            yield f"mappings/{name}.yaml: there is no `{key}:`; add {what}"
    if name not in OPEN_TO_EVERYBODY and not re.search(r"^  verify:", text, re.MULTILINE):
        yield f"mappings/{name}.yaml: there is no `verify:` under `receive:`; anybody could post to it"
    for file in sorted((FOLDER / "samples" / name).glob("*")):
        listed = re.search(rf"^  - samples/{name}/{re.escape(file.name)}$", text, re.MULTILINE)
        if not file.name.endswith((".headers.json", ANSWERS)) and not listed:
            yield f"mappings/{name}.yaml: add `samples/{name}/{file.name}` to `samples:`"


REQUIRED_KEYS = {
    "description": "one line that says which webhook it is for",
    "samples": "the list of its sample bodies",
    "tests": "at least one webhook with the event it becomes",
}


def missing_in_samples(name: str) -> Iterator[str]:
    folder = f"mappings/samples/{name}/"
    if not header_files(name):
        yield (
            f"{folder} has no header file; save a real body there as <claim>.json and the rest of the "
            "request beside it as <claim>.headers.json"
        )
    claims = {claim_of(side_file) for side_file in header_files(name)}
    for file in sorted((FOLDER / "samples" / name).glob("*")):
        if file.name.split(".")[0] not in claims:
            yield f"{folder}{file.name} has no header file; add {file.name.split('.')[0]}.headers.json"
    for side_file in header_files(name):
        yield from (f"{folder}{side_file.name}: {lack}" for lack in missing_in_header_file(name, side_file))


def missing_in_header_file(name: str, side_file: Path) -> Iterator[str]:
    if len(bodies_of(side_file)) != 1:
        yield f"there must be exactly one body {claim_of(side_file)}.* beside it"
    try:
        arrived = json.loads(side_file.read_text("utf-8"))
    except ValueError as error:
        yield f"it is not JSON: {error}"
        return
    for key in ("headers", "now", "outcome"):
        if key not in arrived:
            yield f"the key `{key}` is missing (mappings/README.md explains it)"
    for key in sorted(set(arrived) - KEYS):
        yield f"`{key}` is not a key of a header file; the keys are {', '.join(sorted(KEYS))}"
    if arrived.get("outcome", "ready") not in OUTCOMES:
        yield f"`outcome` must be one of {', '.join(OUTCOMES)}"
    for variable in sorted(variables_of(name) - set(arrived.get("secrets", {}))):
        yield f"`secrets` has no value for {variable}, which the mapping uses"


def variables_of(name: str) -> set[str]:
    """Return the secrets of a mapping; those of its sources are in comments: the operator has them."""
    lines = (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    return {found for line in lines if line[:1] != "#" for found in re.findall(r"\$\{(\w+)\}", line)}


def missing_in_readme(name: str) -> Iterator[str]:
    readme = (FOLDER / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith(f"| [{name}](")]
    if len(rows) != 1:
        yield f"mappings/README.md: the table must have one row that begins with `| [{name}]({name}.yaml) |`"
        return
    description = re.search(
        r"^description: (.+)$", (FOLDER / f"{name}.yaml").read_text("utf-8"), re.MULTILINE
    )
    if description and description[1].strip('"') not in rows[0]:
        yield f"mappings/README.md: the row of {name} does not repeat its description"
    for variable in sorted(variables_of(name) - set(re.findall(r"`([A-Z0-9_]+)`", rows[0]))):
        yield f"mappings/README.md: the row of {name} does not name the secret `{variable}`"


def request_of(body: Path, arrived: Mapping[str, object], name: str) -> Request:
    headers = arrived["headers"]
    assert isinstance(headers, dict)
    return Request(
        method="POST",
        url=str(arrived.get("url", f"https://bridge.example.com/hooks/{name}")),
        headers={key.lower(): value for key, value in headers.items()},
        query=arrived.get("query", {}),  # type: ignore[arg-type]
        body=body.read_bytes(),
        ip=None,
        received_at=datetime.fromisoformat(str(arrived["now"])),
    )


@cache
def environment() -> Mapping[str, str]:
    return {name: value for sample in samples() for name, value in sample.secrets.items()}


@cache
def mapping(name: str) -> CompiledMapping:
    return load_mapping(FOLDER / f"{name}.yaml", environment=environment(), spec=load_meta_spec())


def outcome(translation: Translation) -> str:
    """Return the best result among a webhook's events."""
    verdicts: set[str] = {event.verdict for event in translation.events}
    if translation.erasure is not None:
        verdicts.add("erasing")
    order = ("ready", "held", "suppressed", "erasing", "skipped")
    return next((verdict for verdict in order if verdict in verdicts), "skipped")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that takes `sample`, `shipped_name` or `contributed_name` for all of them."""
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", samples(), ids=lambda sample: sample.name)
    if "shipped_name" in metafunc.fixturenames:
        metafunc.parametrize("shipped_name", names())
    if "contributed_name" in metafunc.fixturenames:
        metafunc.parametrize("contributed_name", every_name())


@pytest.fixture
def senders() -> SimpleNamespace:
    """The functions above, for tests that need more than one sample."""
    return SimpleNamespace(
        names=names, samples=samples, samples_of=samples_of, mapping=mapping, environment=environment,
        outcome=outcome, folder=FOLDER, missing=missing, open_to_everybody=OPEN_TO_EVERYBODY,
        translated=translated,
    )  # fmt: skip
