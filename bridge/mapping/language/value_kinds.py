"""How the reference page describes each kind of value that the grammar knows."""

from __future__ import annotations

# the kind of a value -> how the reference page describes it
KINDS: dict[str, str] = {
    "text": "text",
    "texts": "a text, or a list of texts",
    "files": "a file name, or a list of them",
    "choice": "one word of a fixed list",
    "choices": "one word or several of a fixed list",
    "yes_no": "yes or no",
    "whole": "a whole number",
    "number": "a number",
    "duration": "a duration such as 30 minutes or 7 days",
    "size": "a size such as 1 MiB",
    "moment": "a date and time",
    "secret": "a secret, written as ${NAME}",
    "path": "a field of the webhook",
    "value": "a value: a field, a text with {field}, a list of fields, or a block",
    "event_name": "a text, a text with {field}, or a block with from, lookup and otherwise",
    "template": "a text with {field} in it",
    "positions": "a field that is a list, or a list with one value for each position",
    "condition": "conditions",
    "conditions": "a list of blocks of conditions",
    "properties": "custom names, each with a value",
    "contents": "a block with for_each, or a field that is a list",
    "defaults": "names of fields, each with a plain text",
    "fields": "names of fields this event does not send",
    "rows": "what is compared, and what it becomes",
    "expected_texts": "the expected value, by field",
    "handshake_answer": "a value, or a block with json or header",
    "answer_values": "names, each with a value or a block with hmac_of",
    "take": "first, last, rest or a number",
    "otherwise": "keep, skip, error or a plain text",
    "country": "a country code or a $. path",
    "signed": "a text with {body}, {timestamp}, {url}, {method}, {secret}, {body_base64}, {sorted_form}, "
    "{$headers.name}, {$query.name} or {field}",
    "destinations": "a destination of the settings, a list of them, or a block with from, lookup and "
    "otherwise (hold, skip)",
    "block": "a block",
    "blocks": "a list of blocks",
    "test_code": "a text, or a block with code and for or until",
    "data": "any data, as the webhook would bring it",
    "expected": "a list of events, or one; only the named fields are compared",
}
