# ruff: noqa: E501 - a table reads best with one row on each line

"""The mapping language as one table: every block, every key in it, what its value may be, and what it means.

The loader's checks, the suggestions, the editor schema and the reference page are all made from this
table. The names of Meta's own fields come from the rule files, so nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bridge.mapping.language.erase_keys import ERASE, HOLD
from bridge.mapping.language.keys import BlockGrammar, Grammar, Key
from bridge.mapping.language.person_keys import CONSENT_BLOCK, VISIT_BLOCK
from bridge.meta_spec.spec import MetaSpec

_FILE = (
    Key("version", "choice", "The version of this language.", ("1",), required=True),
    Key("description", "text", "What this webhook is, for people."),
    Key("receive", "block", "Who may send here, and how they are answered.", "receive"),
    Key("settings", "block", "How dates, numbers, phones and names of this sender are written.", "settings"),
    Key("for_each", "path", "A list in the webhook; every entry is mapped on its own. $ is the webhook itself."),
    Key("fetch", "steps", "Records that the webhook only names; each is read as $name.field.", "fetch_step"),
    Key("visit", "block", "The earlier visit of the same person to the website; it is read as $visit.field.", "visit"),
    Key("events", "blocks", "Several events from one webhook; they share the keys next to this one.", "event"),
    Key("erase", "block", "Whom the webhook asks to erase; such a webhook needs no event.", "erase"),
    Key("hold", "blocks", "Webhooks that a person has to answer; they are held and never sent.", "hold"),
    Key("mode", "choice", "Whether all matching events are sent or the first one only.", ("all", "first"), "all"),
    Key("samples", "files", "Files with real webhooks; check compares the mapping with them."),
    Key("tests", "blocks", "Webhooks and the events they must become.", "test"),
    Key("test_event_code", "test_code", "Send the events of this mapping as test events, for a while.", "test_event_code"),
    Key("on_result", "block", "Where to report what became of each event.", "on_result"),
)  # fmt: skip

_EVENT = (
    Key("name", "text", "A name for this event in lists and logs.", default="the event name"),
    Key("when", "condition", "The event is made only when all of these hold."),
    Key("consent", "block", "What the person allowed.", "consent"),
    Key("event_name", "event_name", "Meta's name of the event: Lead, Purchase, or your own.", required=True),
    Key("action_source", "choice", "Where it happened.", "action_source", required=True),
    Key("event_time", "value", "When it happened.", default="$received_at"),
    Key("event_id", "value", "The same for the same event, from the browser too; Meta drops repeats.", default="made from the webhook"),
    Key("event_source_url", "value", "The page it happened on."),
    Key("referrer_url", "value", "The page the person came from."),
    Key("opt_out", "value", "True: use for attribution only, not for delivery of ads."),
    Key("data_processing_options", "value", "LDU limits how Meta uses the data."),
    Key("data_processing_options_country", "value", "1 is the United States, 0 lets Meta find out."),
    Key("data_processing_options_state", "value", "The state's number, 0 lets Meta find out."),
    Key("app_data", "block", "What Meta asks of app events.", "app_data"),
    Key("messaging_channel", "value", "whatsapp, messenger or instagram."),
    Key("original_event_data", "block", "The event this one adds to.", "original_event_data"),
    Key("customer_segmentation", "value", "Which group of customers the person belongs to."),
    Key("user_data", "block", "Who it was. Cleaned and hashed by itself.", "user_data"),
    Key("custom_data", "block", "What it was about: value, currency, products.", "custom_data"),
    Key("defaults", "defaults", "Plain texts for fields that are empty."),
    Key("copy", "block", "Take over simple fields as custom data without naming each.", "copy"),
    Key("remove", "fields", "Shared fields this event does not send."),
    Key("send_to", "destinations", "The destinations of the settings that get this event.", default="main"),
)  # fmt: skip

_RECEIVE = (
    Key("sent_by", "choice", "browser and companion allow $ip, $user_agent and $cookies.", ("server", "automation", "browser", "companion"), "server"),
    Key("origins", "origins", "The websites whose pages may read the answer, for sent_by: browser.", default="none may"),
    Key("methods", "choices", "How webhooks come; the query of a GET is read like a form.", ("post", "get"), "post"),
    Key("accept", "choices", "The kinds of body taken.", ("json", "form", "multipart"), "all three"),
    Key("verify", "block", "How the sender proves who it is.", "verify"),
    Key("handshake", "block", "The challenge some senders want back before they send.", "handshake"),
    Key("repeat_key", "value", "Webhooks with the same value here are one webhook.", default="the whole body"),
    Key("repeat_window", "duration", "How long repeats are recognised.", default="7 days"),
    Key("on_problem", "choice", "answer: 422 with the list; hold: 200, and kept for repair.", ("answer", "hold"), "hold for server, else answer"),
    Key("answer", "block", "What the sender is answered once its webhook is stored.", "answer", default="a JSON object of the bridge"),
    Key("max_size", "size", "The largest body taken.", default="1 MiB"),
)  # fmt: skip

_VERIFY = (
    Key("scheme", "choice", "The way the sender signs.", ("hmac", "digest", "rsa", "ed25519", "jwt", "standard_webhooks", "token", "basic", "none"), required=True),
    Key("header", "text", "The header with the signature or token."),
    Key("query", "text", "The query parameter with the signature or token."),
    Key("field", "path", "The field of the body with the signature or token."),
    Key("for_each", "path", "The list whose entries are signed one by one; the paths of `field` and `signed` start there."),
    Key("user", "text", "The user name, for basic."),
    Key("secret", "secret", "The shared secret."),
    Key("previous_secret", "secret", "The secret before, while it is being changed."),
    Key("key", "secret", "The public key: PEM, or the bare key of ed25519 in base64 or hex."),
    Key("previous_key", "secret", "The public key before, while it is being changed."),
    Key("secret_encoding", "choice", "How the secret is written.", ("text", "hex", "base64"), "text"),
    Key("algorithm", "choice", "The hash; for jwt the algorithm, which has no default.", ("sha256", "sha1", "sha512", "hs256", "rs256", "es256"), "sha256"),
    Key("encoding", "choice", "How the signature is written.", ("hex", "base64"), "hex"),
    Key("prefix", "text", "The text before the signature, such as sha256=."),
    Key("format", "template", "The form of a header that holds more, such as t={timestamp},v1={signature}."),
    Key("signed", "signed", "What was signed.", default="{body}"),
    Key("sorted_form", "block", "How {sorted_form} is written: the form's fields, sorted by name.", "sorted_form"),
    Key("signed_body", "yes_no", "The whole body is the JWT; its claims are the webhook.", default="no"),
    Key("timestamp_header", "text", "The header with the time of signing."),
    Key("timestamp_unit", "choice", "What that time counts.", ("seconds", "milliseconds"), "seen from its size"),
    Key("tolerance", "duration", "How old a signature may be.", default="5 minutes"),
)  # fmt: skip

_SORTED_FORM = (
    Key("pair", "text", "What is written for each field, with {name}, {value} and perhaps {secret}.", default="{name}={value}"),
    Key("join", "text", "What stands between two fields.", default="nothing"),
    Key("without", "texts", "Fields that are not signed; the one with the signature never is."),
    Key("empty", "choice", "Whether fields without a value are signed.", ("keep", "skip"), "keep"),
)  # fmt: skip

_HANDSHAKE = (
    Key("on", "choice", "A GET request, or a header or field of a POST.", ("get", "header", "field"), required=True),
    Key("expect", "expected_texts", "What must be there for this to be the challenge."),
    Key("answer", "handshake_answer", "The field or text to send back, or a block with json or header.", "handshake_answer", required=True),
)  # fmt: skip

_ANSWER = (
    Key("text", "text", "A text, such as OK."),
    Key("json", "data", "A JSON object."),
    Key("content_type", "text", "The kind of the text, such as text/xml.", default="text/plain"),
)

_HANDSHAKE_ANSWER = (
    Key(
        "json",
        "answer_values",
        "A JSON object: each name with a field, or a block with hmac_of.",
        "answer_hmac",
    ),
    Key("header", "text", "The header of the challenge that is sent back as it came."),
)

_ANSWER_HMAC = (
    Key("hmac_of", "path", "The field whose HMAC-SHA256 with the secret of verify is the answer.", required=True),
    Key("encoding", "choice", "How it is written.", ("hex", "base64"), "hex"),
    Key("prefix", "text", "The text before it, such as sha256=."),
)  # fmt: skip

_SETTINGS = (
    Key("timezone", "text", "The zone of times without one, such as Europe/Berlin.", default="UTC"),
    Key("date_format", "text", "How dates are written, such as DD.MM.YYYY HH:mm."),
    Key("number_format", "text", "How numbers are written, as an example such as 1.234,56."),
    Key("phone_country", "country", "The country of phone numbers without a prefix."),
    Key("empty_values", "texts", "Further texts that mean nothing was given."),
    Key("name_order", "choice", "How full names are written.", ("first_last", "last_first"), "first_last"),
    Key(
        "hash_external_id", "yes_no", "Whether external_id is hashed; must be as in the pixel.", default="yes"
    ),
)

_FETCH_STEP = (
    Key("from", "text", "The source of bridge.yaml that is asked.", required=True),
    Key("path", "templates", "The path behind the URL of the source; {field} in it is percent-encoded.", required=True),
    Key("ids", "properties", "Names for values that path, query and json put in as {name}, such as a part of a field."),
    Key("query", "query_texts", "The query of the URL."),
    Key("method", "choice", "How it is asked.", ("GET", "POST"), "GET, with json POST"),
    Key("json", "json_body", "The JSON body of a POST; for_each in a block makes a list."),
    Key("when", "condition", "Only asked when all of these hold; they read the webhook."),
    Key("take", "path", "The part of the answer that is kept; paths start there.", default="all of it"),
    Key("match", "match", "Of a list of records, the one of this event."),
    Key("keep", "duration", "How long an answer may serve for the same question.", default="not at all"),
    Key("on_missing", "choice", "Without a record: go on without it, or hold the events that read it.", ("continue", "hold"), "continue"),
    Key("on_failure", "choice", "When the source cannot be asked: hold, or send without it.", ("hold", "send_without"), "hold"),
)  # fmt: skip

_CONTENTS = (
    Key("for_each", "path", "The list of products; paths below start at one product.", required=True),
    Key("when", "condition", "Only products for which all of these hold."),
    Key("id", "value", "The product's id in the catalog.", required=True),
    Key("quantity", "value", "How many."),
    Key("item_price", "value", "The price of one."),
    Key("title", "value", "The product's name."),
    Key("description", "value", "The product's description."),
    Key("brand", "value", "The product's brand."),
    Key("category", "value", "The product's category."),
    Key("delivery_category", "value", "in_store, curbside or home_delivery."),
)

SOURCES = ("from", "text", "all", "sum", "count", "hash_of", "for_each")

_VALUE = (
    Key(
        "from",
        "value",
        "The field, a text with {field}, a list of fields, or a block whose options come first.",
    ),
    Key("text", "template", "A plain text; {field} in it puts a field in."),
    Key("all", "value", "Every distinct value that is not empty, for several e-mails."),
    Key("sum", "value", "The sum of these numbers."),
    Key("count", "path", "How many entries this list has."),
    Key("hash_of", "value", "A fingerprint of these values, for ids."),
    Key("for_each", "path", "A list; from or text is read for every entry."),
    Key("lookup", "rows", "Replaces a value; compared without case and surrounding spaces."),
    Key("otherwise", "otherwise", "A value no row has: a text, keep, skip or error.", default="left out"),
    Key("split", "text", "Splits the text wherever this occurs."),
    Key("take", "take", "Which part or entry: first, last, rest or a number counted from 1."),
    Key("replace", "rows", "Texts inside the value and what they become."),
    Key("minor_units", "yes_no", "The number counts cents; the currency says how many digits that is."),
    Key("divide_by", "number", "Divides the number."),
    Key("date_format", "text", "How this date is written, such as DD.MM.YYYY."),
    Key("timezone", "text", "The zone of this time."),
    Key("number_format", "text", "How this number is written, as an example such as 1.234,56."),
    Key("true_when", "texts", "Values that mean true."),
    Key("false_when", "texts", "Values that mean false."),
    Key("join", "text", "Makes one text of a list, with this between the entries."),
    Key("limit", "whole", "At most so many entries, or letters of a text."),
    Key("default", "text", "The plain text when all is empty."),
    Key("required", "yes_no", "The event is held when this is empty."),
    Key("when", "condition", "The value is sent only when all of these hold."),
    Key(
        "clicked_at",
        "value",
        "Of fbclid only: when the ad was clicked.",
        default="the time of the event",
        only_in="fbclid",
    ),
    Key("remove", "yes_no", "Takes back a shared field."),
)

OPERATORS = (
    Key("is", "text", "Equal to this."),
    Key("is_not", "text", "Not equal to this; holds for a missing field."),
    Key("one_of", "texts", "Equal to one of these."),
    Key("none_of", "texts", "Equal to none of these; holds for a missing field."),
    Key("contains", "texts", "Holds one of these texts, or has it as an entry."),
    Key("starts_with", "texts", "Starts with one of these."),
    Key("ends_with", "texts", "Ends with one of these."),
    Key("more_than", "number", "A larger number."),
    Key("at_least", "number", "This number or a larger one."),
    Key("less_than", "number", "A smaller number."),
    Key("at_most", "number", "This number or a smaller one."),
    Key("exists", "yes_no", "The field is there."),
    Key("empty", "yes_no", "The field is missing, empty or a placeholder."),
    Key("is_true", "yes_no", "A value that means yes."),
    Key("is_false", "yes_no", "A value that means no."),
    Key("before", "moment", "A time before this."),
    Key("after", "moment", "A time after this."),
)

_CONDITION = (
    Key("any", "conditions", "At least one of these blocks holds."),
    Key("not", "condition", "This block does not hold."),
)

_COPY = (
    Key("from", "path", "The block whose simple fields are taken over.", required=True),
    Key("only", "texts", "Only these."),
    Key("except", "texts", "All but these."),
)

EXPECTATIONS = ("expect", "expect_exactly", "expect_skipped", "expect_held", "expect_suppressed", "expect_erased")  # fmt: skip

_TEST = (
    Key("name", "text", "What this shows, as a sentence.", required=True),
    Key("given", "data", "The webhook's data, or the name of a file.", required=True),
    Key("with", "block", "What else arrives with it.", "with"),
    Key("expect", "expected", "The events; fields not named may be anything."),
    Key("expect_exactly", "expected", "The events with every field."),
    Key("expect_skipped", "text", "Nothing is sent; a part of the reason."),
    Key("expect_held", "text", "The event is held; a part of the reason."),
    Key("expect_suppressed", "text", "The event is suppressed; a part of the reason."),
    Key("expect_erased", "identifiers", "Whom the webhook asks to erase: every identifier, by its kind."),
)

_WITH = (
    Key("headers", "rows", "Headers."),
    Key("query", "rows", "Query parameters."),
    Key("cookies", "rows", "Cookies."),
    Key("ip", "text", "The sender's IP address."),
    Key("now", "moment", "The time of arrival."),
    Key("fetched", "recorded", "The answers of the steps of fetch."),
    Key("visit", "recorded_visit", "The visit that is found.", default="no visit"),
)

_TEST_EVENT_CODE = (
    Key("code", "text", "The code of the Test Events page.", required=True),
    Key("for", "duration", "How long after this file was changed."),
    Key("until", "moment", "Until when."),
)

_ON_RESULT = (
    Key("url", "text", "The URL that is called.", required=True),
    Key("secret", "secret", "Signs the report (Standard Webhooks).", required=True),
    Key("previous_secret", "secret", "The secret before, which signs too while it is being changed."),
)


@cache
def grammar_of(spec: MetaSpec) -> Grammar:
    """Return every block of the language, Meta's field names included; built once for a catalog."""
    schema = spec.event_schema
    event = tuple(
        Key(k.name, k.kind, k.says, tuple(spec.action_sources), k.default, required=True)
        if k.name == "action_source"
        else k
        for k in _EVENT
    )
    return {
        block.name: block
        for block in (
            _block("file", "The file.", (*_FILE, *event)),
            _block("event", "One event.", event),
            _block("receive", "Receiving.", _RECEIVE),
            _block("verify", "Who may send.", _VERIFY),
            _block("sorted_form", "How the sorted fields of a form were signed.", _SORTED_FORM),
            _block("handshake", "A challenge before the first webhook.", _HANDSHAKE),
            _block("handshake_answer", "How a challenge is answered.", _HANDSHAKE_ANSWER),
            _block("answer_hmac", "A computed part of the answer to a challenge.", _ANSWER_HMAC),
            _block("answer", "What a sender gets as the response.", _ANSWER),
            _block("settings", "How this sender writes.", _SETTINGS),
            _block("user_data", "Who it was.", _user_data(spec)),
            _block("custom_data", "What it was about.", _custom_data(schema)),
            _block("fetch_step", "A record behind an id.", _FETCH_STEP),
            _block("visit", "An earlier visit.", VISIT_BLOCK),
            _block("contents", "The products.", _CONTENTS),
            _block("app_data", "What Meta asks of app events.", _plain_fields(schema, "app_data")),
            _block(
                "original_event_data",
                "The event this one adds to.",
                _plain_fields(schema, "original_event_data"),
            ),
            _block("value", "A value as a block.", _VALUE),
            _block("condition", "Conditions.", _CONDITION),
            _block("test_of_field", "What a field must be.", OPERATORS),
            _block("consent", "What the person allowed.", CONSENT_BLOCK),
            _block("copy", "Simple fields taken over.", _COPY),
            _block("erase", "Whom a webhook asks to erase.", ERASE),
            _block("hold", "A webhook that a person has to answer.", HOLD),
            _block("test", "A test.", _TEST),
            _block("with", "What else arrives.", _WITH),
            _block("test_event_code", "Test events.", _TEST_EVENT_CODE),
            _block("on_result", "Reports.", _ON_RESULT),
        )
    }


def _block(name: str, says: str, keys: tuple[Key, ...]) -> BlockGrammar:
    return BlockGrammar(
        name, says, {key.name: key for key in keys}, {key.alias: key.name for key in keys if key.alias}
    )


def _user_data(spec: MetaSpec) -> tuple[Key, ...]:
    keys = []
    for rule in spec.user_data.values():
        alias = rule.long_name if rule.long_name != rule.name else ""
        keys.append(Key(rule.name, "value", rule.title, alias=alias))
    return tuple(keys)


def _custom_data(schema: Mapping[str, Any]) -> tuple[Key, ...]:
    fields = [
        Key(name, "contents", _says(rule), "contents")
        if name == "contents"
        else Key(name, "value", _says(rule))
        for name, rule in _properties(schema, "custom_data").items()
    ]
    return (*fields, Key("properties", "properties", "Custom parameters, under the names you choose."))


def _plain_fields(schema: Mapping[str, Any], name: str) -> tuple[Key, ...]:
    return tuple(
        Key(field_name, "positions" if field_name == "extinfo" else "value", _says(rule))
        for field_name, rule in _properties(schema, name).items()
    )


def _properties(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = schema["properties"][name]
    if "$ref" in part:
        target: Any = schema
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    found: Mapping[str, Any] = part.get("properties", {})
    return found


def _says(rule: Any) -> str:
    return str(rule.get("description", "")) if isinstance(rule, Mapping) else ""
