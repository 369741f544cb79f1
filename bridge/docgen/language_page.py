"""Makes the reference page of the mapping language out of the grammar table."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.mapping.language.grammar import OPERATORS, grammar_of
from bridge.mapping.language.keys import BlockGrammar, Key
from bridge.mapping.language.value_kinds import KINDS
from bridge.meta_spec.rule_files import load_meta_spec

_HEAD = """\
# The mapping language: every key

This page is made from the same table that the bridge reads your files with, so it cannot be out of date.
To learn the language, start with [learn.md](learn.md); for ready pieces, see [recipes.md](recipes.md).

- A **field** is a path into the webhook: `email`, `customer.email`, `items.first.sku`, `items.*.sku`,
  `answers(label=E-mail).value`, `[a key with signs: in it]`, `$.top.of.the.webhook`.
- A **value** is a field, a text with `{field}` in it, a list of fields (the first one that is not empty),
  or a block.
- Names on the left that have two forms (`email` and `em`) mean the same; use one of them.

## Paths

| written | means |
|---|---|
| `name` | the key `name` of the current item (the webhook, or one entry of `for_each`) |
| `a.b` | `b` inside `a`; a key that itself holds the point (`a.b`, `1.3`) is found, too |
| `list.first` `list.last` `list.0` | one entry of a list; counting starts at 0 |
| `list.*` | every entry |
| `list(name=email).value` | the entry whose `name` is `email`, and its `value` |
| `[some key]` | a key with spaces, dots, brackets or other characters, taken literally |
| `contact[email]` | the flat form key of that name, or `email` inside `contact` |
| `$` and `$.key` | the whole webhook, also inside `for_each` |
| `$headers.x` `$query.x` | a header or a query parameter of the webhook's request |
| `$cookies.x` `$ip` `$user_agent` | of the visitor; only with `sent_by: browser` |
| `$person.email` | `email` in the answer of the step `person` of [fetch](#fetch) |
| `$visit.utm_campaign` | `utm_campaign` of the [visit](#visit) before the event |
| `$received_at` `$index` `$source` | time of arrival, number of the `for_each` entry, name of the mapping |
"""

# block -> (title of its section, what a reader should know about it)
_SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("file", "The file", "Every key of [an event](#an-event) is allowed here as well, for all `events`."),
    ("event", "An event", "At the top of the file when there is one event, or in the list `events`."),
    ("user_data", "user_data", "Who it was. Values are cleaned and, where Meta asks for it, hashed."),
    ("custom_data", "custom_data", "What it was about. Custom names go under `properties`."),
    ("contents", "contents", "Inside `custom_data`: the list of products."),
    ("value", "A value as a block", "One source (`from`, `text`, `all`, `sum`, `count`, `hash_of`, "
     "`for_each`), then what happens to it, in the order of this table."),
    ("condition", "Conditions", "Every other key is a field. Its value is a text (equal), a list (one of "
     "these) or a block of the tests below. All lines must hold."),
    ("fetch_step", "fetch", "Records that the webhook only names. Each step has a name of your choice, and "
     "its answer is read as `$name.field`; there are at most three. See [fetch.md](fetch.md)."),
    ("visit", "visit", "The earlier visit of the same person to the website, looked for before the event is "
     "finished. Its fields are read as `$visit.field`. See [visits.md](visits.md)."),
    ("settings", "settings", "How this sender writes dates, numbers, phones and names."),
    ("consent", "consent", "What the person allowed. A denied event is kept as *suppressed* and never sent."),
    ("copy", "copy", "Takes over simple properties into `custom_data`. Personal-looking keys are rejected."),
    ("receive", "receive", "Who may send here, and how they are answered."),
    ("verify", "verify", "Inside `receive`: how the sender proves who it is, by the exact bytes it sent."),
    ("sorted_form", "sorted_form", "Inside `verify`: how the sorted fields of a form were signed."),
    ("handshake", "handshake", "Inside `receive`: the challenge some senders want back before they send."),
    ("handshake_answer", "handshake_answer", "Inside `handshake`: an answer as JSON, or in a header."),
    ("answer_hmac", "answer_hmac", "Inside `json` of an answer: a part that is computed with the secret."),
    ("answer", "answer", "Inside `receive`: the response that a sender gets once its webhook is stored."),
    ("erase", "erase", "Whom a webhook asks to erase: a job deletes everything that is stored about the "
     "person. Needs `verify`, and at least one of `email`, `phone`, `external_id` and `order_id`."),
    ("hold", "hold", "Webhooks that a person has to answer, such as a request for a copy of the data. They "
     "stay held until somebody discards them."),
    ("app_data", "app_data", "What Meta asks of events of mobile apps."),
    ("original_event_data", "original_event_data", "The event this one adds to."),
    ("test_event_code", "test_event_code", "Shows events in Meta's Test Events. Meta does not discard them."),
    ("on_result", "on_result", "Reports what became of each event."),
    ("test", "tests", "Each test is a webhook and what must become of it. Run them with `capi-bridge test`."),
    ("with", "with", "Inside a test: what else arrives with the webhook."),
)  # fmt: skip


# kinds that have a section of their own
_LINKED = {
    "value": "a field, a text with `{field}`, a list, or a [block](#a-value-as-a-block)",
    "condition": "[conditions](#conditions)",
    "conditions": "a list of blocks of [conditions](#conditions)",
    "contents": "a [block](#contents) with `for_each`, or a field that is a list",
}


def reference_page() -> str:
    """Return `docs/reference.md`."""
    grammar = grammar_of(load_meta_spec())
    parts = [_HEAD]
    for name, title, says in _SECTIONS:
        parts.append("\n".join(_section(grammar[name], title, says)))
        if name == "condition":
            parts.append("\n".join(_table("test", OPERATORS)))
    return "\n".join(parts)


def _section(block: BlockGrammar, title: str, says: str) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield f"{says}\n"
    shared = grammar_of(load_meta_spec())["event"].keys if block.name == "file" else {}
    yield from _table("key", tuple(key for name, key in block.keys.items() if name not in shared))


def _table(first: str, keys: tuple[Key, ...]) -> Iterator[str]:
    yield f"| {first} | what it is | allowed values | if left out |"
    yield "|---|---|---|---|"
    for key in keys:
        yield f"| {_names(key)} | {_cell(key.says)} | {_cell(_allowed(key))} | {_cell(_left_out(key))} |"


def _names(key: Key) -> str:
    return f"`{key.alias}`, `{key.name}`" if key.alias else f"`{key.name}`"


def _allowed(key: Key) -> str:
    if key.choices:
        several = " (several allowed)" if key.kind == "choices" else ""
        return ", ".join(f"`{choice}`" for choice in key.choices) + several
    if key.kind == "block" and isinstance(key.of, str):
        return f"a block, see [{_title(key.of)}](#{_title(key.of).casefold().replace(' ', '-')})"
    if key.kind == "steps":
        return f"{KINDS[key.kind]}, see [{_title(str(key.of))}](#{_title(str(key.of))})"
    if key.kind in _LINKED:
        return _LINKED[key.kind]
    return KINDS[key.kind]


def _title(block: str) -> str:
    return next((title for name, title, _ in _SECTIONS if name == block), block)


def _left_out(key: Key) -> str:
    return "**required**" if key.required else key.default


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
