"""The list of shipped mappings by kind, made from the mappings themselves: for their page and the README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import VerifyRule

_START, _END = "<!-- generated: the list of mappings -->", "<!-- end of the list -->"
_KIND = re.compile(r"^# Kind: (?P<kind>\w+)(?:, sender: (?P<sender>.+))?$", re.MULTILINE)
# A source in the comment at the top of a mapping: `#   crm: {url: "https://…"}`
_SOURCE = re.compile(r"^#\s+(\w+): (\{url: .+\})$", re.MULTILINE)
_ABOUT_SOURCES = (
    "A mapping that [fetches](../docs/fetch.md) the person behind an id needs one of these entries in "
    "`bridge.yaml`.\nCopy those of your senders, with your own host where it says `your-…`. Without its "
    "source a mapping stays out of use,\nand `capi-bridge check` says so."
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")

# kind, as a mapping's header names it -> its heading
_KINDS = {
    "crm": "CRM",
    "forms": "Forms",
    "shops": "Shops",
    "payments": "Payments",
    "calls": "Calls and messages",
    "booking": "Booking",
    "automation": "Automation",
}
# what an event is worth to Meta -> the fields of which one is enough
_BRINGS = {
    "person": {"user_data.em", "user_data.ph"},
    "money": {"custom_data.value"},
    "click id": {"user_data.fbc", "user_data.fbclid"},
}
_SCHEMES = {
    "digest": "signature (plain hash)",
    "rsa": "signature (public key)",
    "ed25519": "signature (public key)",
    "jwt": "signed token (JWT)",
    "basic": "user name and password",
    "none": "open to every browser",
}


@dataclass(frozen=True, slots=True)
class _Shipped:
    """One shipped mapping: its file, and what its header says."""

    mapping: CompiledMapping
    text: str
    kind: str
    sender: str


def page() -> str:
    """Return mappings/README.md with its list as the mappings are now."""
    rows = list(_shipped())
    parts = [part for kind, heading in _KINDS.items() for part in (f"### {heading}", _table(_of(rows, kind)))]
    return _with_list("mappings/README.md", "\n\n".join([*parts, "### Sources", _sources(rows)]))


def _sources(rows: Iterable[_Shipped]) -> str:
    """Return the sources that mappings fetch from, as the comments at their tops say them, to be copied."""
    users: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, block in _SOURCE.findall(row.text):
            users.setdefault((name, block), []).append(row.mapping.name)
    lines = [
        line
        for (name, block), mappings in sorted(users.items())
        for line in (f"  # {', '.join(mappings)}", f"  {name}: {block}")
    ]
    return "\n".join([_ABOUT_SOURCES, "", "```yaml", "sources:", *lines, "```"])


def readme() -> str:
    """Return the README with its list of senders as the mappings are now."""
    rows = list(_shipped())
    lines = [
        f"- {heading}: {', '.join(dict.fromkeys(row.sender for row in _of(rows, kind)))}"
        for kind, heading in _KINDS.items()
    ]
    erasing = sorted({row.sender for row in rows if _erases(row.mapping)})
    lines.append(f"- Requests to erase a person: {', '.join(erasing)}")
    return _with_list("README.md", "\n".join(lines))


def _with_list(name: str, text: str) -> str:
    before = (shipped("schemas").parent / name).read_text("utf-8")
    head, _, rest = before.partition(_START)
    _, _, tail = rest.partition(_END)
    return f"{head}{_START}\n\n{text}\n\n{_END}{tail}"


def _shipped() -> Iterator[_Shipped]:
    for file in sorted(shipped("mappings").glob("*.yaml")):
        text = file.read_text("utf-8")
        header = _KIND.search(text)
        if header is None:
            raise ValueError(f"{file.name}: the comment at the top has no line such as `# Kind: crm`")
        yield _Shipped(_loaded(file), text, header["kind"], header["sender"] or _sender(text))


def _loaded(file: Path) -> CompiledMapping:
    return load_mapping(file, environment={}, spec=load_meta_spec(), secrets="optional")


def _sender(text: str) -> str:
    """Return the sender's name as the first comment says it: `# Acme (the app): …`."""
    first = next(line for line in text.splitlines() if line.startswith("# ") and "$schema" not in line)
    return first.removeprefix("# ").partition(":")[0]


def _of(rows: Iterable[_Shipped], kind: str) -> list[_Shipped]:
    return sorted((row for row in rows if row.kind == kind), key=lambda row: row.mapping.name)


def _table(rows: Iterable[_Shipped]) -> str:
    lines = [
        "| mapping | what it is for | brings | lacks | how the request is verified | secret |",
        "|---|---|---|---|---|---|",
        *map(_row, rows),
    ]
    return "\n".join(lines)


def _row(row: _Shipped) -> str:
    mapping = row.mapping
    fields = {line.field for line in mapping.lines}
    brings = [name for name, wanted in _BRINGS.items() if fields & wanted]
    lacks = [name for name in _BRINGS if name not in brings] if mapping.events else []
    if _erases(mapping):
        brings.append("erasure requests")
    secrets = " ".join(f"`{name}`" for name in dict.fromkeys(_VARIABLE.findall(row.text))) or "–"
    cells = (
        f"[{mapping.name}]({mapping.name}.yaml)",
        mapping.description,
        ", ".join(brings) or "–",
        ", ".join(lacks) or "–",
        _verification(mapping.receive.verify),
        secrets,
    )
    return f"| {' | '.join(cells)} |"


def _erases(mapping: CompiledMapping) -> bool:
    return mapping.requests is not None and mapping.requests.erase is not None


def _verification(rule: VerifyRule) -> str:
    if rule.scheme != "token":
        return _SCHEMES.get(rule.scheme, "signature")
    place = "a header" if rule.header else "the URL" if rule.query else "the body"
    return f"token in {place}"
