"""One event as one function: from a webhook's item to what is sent, mapped and cleaned on one way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bridge.coerce.emptiness import Emptiness
from bridge.mapping.compiler.code.built_ins import built_ins
from bridge.mapping.compiler.code.contents_function import write_contents
from bridge.mapping.compiler.code.quick_reads import QuickReads, Variable
from bridge.mapping.compiler.code.writer import Constants, Writer
from bridge.mapping.compiler.conditions import Condition, FieldTest, Words
from bridge.mapping.compiler.contents import ContentsReader
from bridge.mapping.compiler.templates import FieldInText, Template
from bridge.mapping.runtime.event import CompiledEvent, EventCode
from bridge.mapping.runtime.no_answer import NoAnswer
from bridge.mapping.runtime.scope import Constant, Reader
from bridge.mapping.runtime.slots import Slots
from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize import careful
from bridge.normalize.careful import NotOrdinary
from bridge.normalize.context import Known, ValueDropped
from bridge.normalize.custom_data import CUSTOM_DATA_READERS
from bridge.normalize.event_fields import READERS
from bridge.normalize.event_id import ordinary_numbered_id
from bridge.normalize.field import Cleaner, cleaners
from bridge.normalize.ordinary import is_same_for_every_event, short_way_of, short_way_of_person

_BLOCKS: Final = frozenset({"user_data", "custom_data"})
_CLICK: Final = ("fbclid", "clicked_at")
_VIRTUAL: Final = frozenset({"full_name", *_CLICK})
_GIVES_UP: Final = (NotOrdinary, ValueDropped, NoAnswer)
_EARLY: Final = frozenset({"ph", "country"})  # other fields depend on them
_ADD_FIELD: Final = "add_field(event, {0}, {1}, known)"
_URLS: Final = ("event_source_url", "referrer_url")
_Default = tuple[str | None, str, str]


def write_event_code(
    event: CompiledEvent, settings: ReadingSettings, spec: MetaSpec, empty: Emptiness
) -> EventCode | None:
    """Return the code of an event; None where only the general way can do it."""
    try:
        function = _EventFunction(event, settings, spec, empty)
        function.write()
    except (NotOrdinary, ValueDropped):
        return None
    return function.compiled()


class _EventFunction:
    """Writes the function of one event, block after block, in the order of the general way."""

    def __init__(
        self, event: CompiledEvent, settings: ReadingSettings, spec: MetaSpec, empty: Emptiness
    ) -> None:
        if any(name not in _BLOCKS for name, _ in event.blocks):
            raise NotOrdinary
        self.event = event
        self.spec = spec
        self.settings = settings
        self.empty = empty
        self.cleaners = cleaners(spec, settings.hash_external_id)
        self.blocks = dict(event.blocks)
        self.constants = Constants()
        self.constants.values |= built_ins(spec, empty)
        self.writer = Writer(self.constants)
        self.reads = QuickReads(self.writer, "item", "{}(scope)")
        self.functions: list[str] = []
        self.sources = {line.field: line for line in event.lines}

    def compiled(self) -> EventCode:
        """Compile what was written; the source holds only names of ours, so nothing else can run."""
        source = "\n".join((*self.functions, *self.writer.lines, ""))
        names = dict(self.constants.values)
        exec(compile(source, f"<code of event {self.event.number}>", "exec"), names)  # noqa: S102
        return EventCode(source, self.spec, self.constants.values, names["event_of"], _GIVES_UP)

    def write(self) -> None:
        """Write the whole function."""
        with self.writer.block("def event_of(scope, settings, now, name, make_event_id):"):
            self.writer.line("item = scope.item")
            with self.writer.block("if type(item) is not dict:"):
                self.writer.line("raise NotOrdinary")
            objects_at = len(self.writer.lines)
            self._conditions()
            self._consent()
            self._what_is_known()
            self._fields()
            self._user_data()
            self._made_event_id()
            self._custom_data()
            with self.writer.block("if scope.findings or scope.placeholders:"):
                self.writer.line("raise NotOrdinary")
            decision = "None" if self.event.consent is None else "consent.decision"
            self.writer.line(f"return event, known.shape, known.unproven, {decision}")
            self.writer.insert(objects_at, self.reads.objects())

    # --- what comes before the fields

    def _conditions(self) -> None:
        for condition in self.event.conditions:
            self._says("when")
            name = self.constants.named("condition", condition)
            plainly = self._holds_plainly(condition)
            with self.writer.block(f"if {plainly}{name}(scope) is not None:"):
                self.writer.line("raise NotOrdinary")

    def _consent(self) -> None:
        """Write the reading of what the person decided; who did not consent is left to the general way."""
        if self.event.consent is None:
            return
        self._says("consent")
        self.writer.line(f"consent = {self.constants.named('consent', self.event.consent)}(scope)")
        with self.writer.block(f"if consent.verdict != {self.constants.named('verdict', 'ready')}:"):
            self.writer.line("raise NotOrdinary")

    def _holds_plainly(self, condition: Condition) -> str:
        """Write the reading of a text that is one of the words as it stands, which needs no condition."""
        if not isinstance(condition, FieldTest) or not isinstance(condition.test, Words):
            return ""
        quick = self.reads.by_keys(condition.compiled)
        if quick is None:
            return ""
        self.writer.line(f"value = {quick}")
        words = self.constants.named("words", condition.test.wanted)
        return f"(type(value) is not str or value not in {words}) and "

    def _what_is_known(self) -> None:
        """Read the phone number, which other fields must not hold, and the country, which places need."""
        write = self.writer.line
        self._read_early("ph")
        write("phones = mapped_phones(ph) if ph else ()")
        write("known = Known(settings, now, phones, spec)")

    def _read_early(self, field: str) -> None:
        """Write the reading of a field of `user_data` that is looked at before its turn comes."""
        slot = next((slot for slot in self._slots("user_data") if slot[0] == field), None)
        default = next((text for _, key, text in self._defaults("user_data") if key == field), None)
        if slot is None:
            self.writer.line(f"{field} = None")
        else:
            self._says(slot[1])
            self.reads.read(field, slot[2], field)
        if default is not None:
            default = self.constants.named("text", default, field)
            self.writer.line(f"{field}_or_default = {default} if {field} is None else {field}")

    # --- the fields of the event itself

    def _fields(self) -> None:
        self._sent_text("action_source", self.event.action_source)
        self.writer.line("event = {key_action_source: sent_action_source}")
        self._event_name()
        for key, path, reader in self.event.top:
            self._says(path)
            self._field(key, reader)
        for _, key, text in self._defaults(None):
            self._default("event", key, partial(self._field, key, Constant(text)))
        self._limited_data_use()
        self._event_time()

    def _sent_text(self, key: str, text: str) -> str:
        """Clean a text of the mapping itself once and for all; return the name of what is sent."""
        self.constants.named("key", key, key)
        known = Known(self.settings, 0, (), self.spec)
        return self.constants.named("sent", careful.field_value(key, text, known), key)

    def _event_name(self) -> None:
        key = self.constants.named("key", "event_name", "event_name")
        text = self.event.event_name_text
        self._says("event_name")
        if text is not None and not any(map(str.isdigit, text)):
            self.writer.line(f"event[{key}] = {self._sent_text('event_name', text)}")
        else:
            self._field("event_name", Variable("name"))

    def _field(self, key: str, reader: Reader | Variable) -> None:
        if key not in READERS:
            raise NotOrdinary
        if key == "event_id" and self._numbered(reader):
            return
        if key in _URLS:
            self._url(key, reader)
            return
        self._add("event", key, reader, self._short_of_field(key), _ADD_FIELD)

    def _url(self, key: str, reader: Reader | Variable) -> None:
        """Write the same for a URL, which is kept in a variable: a click id may be in it."""
        write, key_name = self.writer.line, self.constants.named("key", key, key)
        quick, again = self.reads.quickly(reader, key)
        short = self._short_of_field(key)
        write(f"{key} = {quick}")
        write(f"sent = {'None' if short is None else short.format(key)}")
        write(f"if sent is not None: event[{key_name}] = sent")
        with self.writer.block("else:"):
            if again is not None:
                write(f"{key} = {again}")
            write(f"add_field(event, {key_name}, {key}, known)")

    def _numbered(self, reader: Reader | Variable) -> bool:
        """Write an id made of a word of the mapping and a number of the webhook, if that is what it is."""
        word, field = reader.parts if isinstance(reader, Template) and len(reader.parts) == 2 else ("", None)
        if not isinstance(word, str) or not isinstance(field, FieldInText):
            return False
        quick, short = self.reads.by_keys(field.compiled), ordinary_numbered_id(word, self.spec)
        if quick is None or short is None:
            return False
        write = self.writer.line
        write(f"sent = {self._short('event_id', short, f'({quick}, known)')}")
        write("if sent is not None: event[key_event_id] = sent")
        with self.writer.block("else:"):
            self._add("event", "event_id", reader, self._short_of_field("event_id"), _ADD_FIELD)
        return True

    def _short_of_field(self, field: str) -> str | None:
        short = short_way_of(field)
        return None if short is None else self._short(field, short, "({}, known)")

    def _short(self, field: str, short: Callable[..., Any], call: str) -> str:
        """Return the call of a short way; it never takes for a value what the mapping calls empty."""
        if self.settings.empty_values:
            short = _unless_empty(short, self.empty)
        return self.constants.named("short", short, field.rpartition(".")[2]) + call

    def _add(  # noqa: PLR0913, PLR0917 - one argument for each part of the three lines
        self,
        block: str,
        key: str,
        reader: Reader | Variable,
        short: str | None,
        general: str,
        sent: str = "sent",
    ) -> None:
        """Write how a value comes into its block: by the short way if it has one, else by the general one."""
        key_name = self.constants.named("key", key, key)
        if short is None:
            self.writer.line(general.format(key_name, self.reads.generally(reader, key)))
            return
        quick, again = self.reads.quickly(reader, key)
        self.writer.by_short_way(short, quick, again, f"{block}[{key_name}] = {sent}", general, key_name)

    def _default(self, block: str, key: str, write_field: Callable[[], None]) -> None:
        name = self.constants.named("key", key, key)
        self._says(f"{block}.{key}" if block != "event" else key, "default")
        with self.writer.block(f"if {name} not in {block}:"):
            write_field()

    def _limited_data_use(self) -> None:
        if self.event.limited is None:
            return
        named, write = self.constants.named, self.writer.line
        options = named("key", "data_processing_options", "options")
        limited = named("condition", self.event.limited, "limited")
        self._says("consent")
        with self.writer.block(f"if {options} not in event and {limited}(scope) is None:"):
            write(f"known.shape.append({named('text', 'with data_processing_options', 'with_options')})")
            write(f"event[{options}] = [{named('text', 'LDU')}]")
            for place in ("country", "state"):
                write(f"event.setdefault({named('key', f'data_processing_options_{place}', place)}, 0)")

    def _event_time(self) -> None:
        key = self.constants.named("key", "event_time", "event_time")
        with self.writer.block(f"if {key} not in event:"):
            if any(mapped == "event_time" for mapped, _, _ in self.event.top):
                self.writer.line("raise NotOrdinary")
            else:
                self._field("event_time", Variable("now"))

    # --- user_data

    def _user_data(self) -> None:
        slots, defaults = self._slots("user_data"), self._defaults("user_data")
        if not slots and not defaults:
            return
        self._context()
        self.writer.line("user_data = {}")
        for key, path, reader in slots:
            if key in _VIRTUAL:
                self._says(path)
                self.writer.line(f"{key} = {self.reads.generally(reader, key)}")
                continue
            if key not in _EARLY:
                self._says(path)
            self._person(key, Variable(key) if key in _EARLY else reader)
        for _, key, text in defaults:
            self._default("user_data", key, partial(self._person, key, Constant(text)))
        mapped = {key for key, _, _ in slots}
        absent = "".join(f" and {key} is None" for key in sorted(_VIRTUAL & mapped))
        self.writer.line(f"if not user_data{absent}: raise NotOrdinary")
        self.writer.line(f"event[{self.constants.named('key', 'user_data', 'user_data')}] = user_data")
        self._made_of_others(mapped)

    def _context(self) -> None:
        self._read_early("country")
        has_default = any(key == "country" for _, key, _ in self._defaults("user_data"))
        country = "country_or_default" if has_default else "country"
        self.writer.line(f"context = known_about({country}, settings, spec, now)")

    def _person(self, key: str, reader: Reader | Variable) -> None:
        cleaner: Cleaner | None = self.cleaners.get(key)
        if cleaner is None:
            raise NotOrdinary
        short = short_way_of_person(cleaner, self.spec)
        call = None if short is None else self._short(key, short, "({}, context)")
        cleaner_name = self.constants.named("cleaner", cleaner, key)
        general = f"add_person(user_data, {cleaner_name}, {{1}}, context, known)"
        self._add("user_data", key, reader, call, general, "[sent]" if cleaner.many else "sent")

    def _made_of_others(self, mapped: set[str]) -> None:
        """Write what is made out of a full name, a click id and the URLs."""
        write, named = self.writer.line, self.constants.named
        if "full_name" in mapped:
            write("if full_name is not None: fill_names(full_name, user_data, context, known)")
        urls = [key for key, _, _ in self.event.top if key in _URLS]
        if "fbclid" not in mapped and not urls:
            return
        click, pages = (
            ", ".join(f"{named('key', key, key)}: {key}" for key in keys)
            for keys in ([key for key in _CLICK if key in mapped], urls)
        )
        with self.writer.block(f"if {named('key', 'fbc', 'fbc')} not in user_data:"):
            write(f"fill_fbc(event, {{{click}}}, {{{pages}}}, known)")

    # --- what comes behind

    def _made_event_id(self) -> None:
        key = self.constants.named("key", "event_id", "event_id")
        if any(mapped == "event_id" for mapped, _, _ in self.event.top):
            self.writer.line(f"if {key} not in event: raise NotOrdinary")
            return
        with self.writer.block(f"if {key} not in event and not has_a_browser_twin(event):"):
            self.writer.line(f"event[{key}] = make_event_id({self.event.number}, name, scope)")

    def _custom_data(self) -> None:
        slots, defaults = self._slots("custom_data"), self._defaults("custom_data")
        if not slots and not defaults and self.event.copy is None:
            return
        self.writer.line("custom_data = {}")
        for key, path, reader in slots:
            self._says(path)
            self._custom(key, reader)
        if self.event.copy is not None:
            self._copied()
        for _, key, text in defaults:
            self._default("custom_data", key, partial(self._custom, key, Constant(text)))
        with self.writer.block("if custom_data:"):
            self.writer.line("round_money(custom_data, spec)")
            self.writer.line(
                f"event[{self.constants.named('key', 'custom_data', 'custom_data')}] = custom_data"
            )

    def _custom(self, key: str, reader: Reader) -> None:
        general = "add_custom(custom_data, {0}, {1}, known)"
        if isinstance(reader, ContentsReader) and (function := self._contents(reader)):
            self._contents_or_general(function, key, reader)
            return
        if isinstance(reader, Constant) and is_same_for_every_event(
            CUSTOM_DATA_READERS.get(key), reader.value
        ):
            self._custom_text(key, reader.value)
            return
        short = self._short_of_field(f"custom_data.{key}") if key in CUSTOM_DATA_READERS else None
        self._add("custom_data", key, reader, short, general)

    def _custom_text(self, key: str, text: Any) -> None:
        """Clean a text of the mapping once and for all."""
        sent = careful.custom_value(key, text, Known(self.settings, 0, (), self.spec))
        name, key_name = self.constants.named("sent", sent, key), self.constants.named("key", key, key)
        self.writer.line(f"custom_data[{key_name}] = {name}")

    def _contents_or_general(self, function: str, key: str, reader: ContentsReader) -> None:
        write, key_name = self.writer.line, self.constants.named("key", key, key)
        write(f"sent = {function}(scope, item, known)")
        write(f"if sent is not None: custom_data[{key_name}] = sent")
        write(f"else: add_custom(custom_data, {key_name}, {self.reads.generally(reader, key)}, known)")

    def _contents(self, reader: ContentsReader) -> str | None:
        writer = Writer(self.constants)
        name = f"contents_{len(self.functions) + 1}"
        if not write_contents(writer, name, reader, self._short_of_field):
            return None
        self.functions.append("\n".join((*writer.lines, "", "")))
        return name

    def _copied(self) -> None:
        self._says("copy")
        self.writer.line("copied = dict(custom_data)")
        self.writer.line(f"{self.constants.named('copy', self.event.copy)}(scope, copied)")
        self.writer.line("add_copied(custom_data, copied, known)")

    # --- helpers

    def _slots(self, block: str) -> Slots:
        return self.blocks.get(block, ())

    def _defaults(self, block: str | None) -> list[_Default]:
        return [default for default in self.event.defaults if default[0] == block]

    def _says(self, path: str, what: str = "") -> None:
        line = self.sources.get(path)
        position = line.position if line is not None else self.event.positions.get(path)
        where = f"line {position.line}: " if position is not None else ""
        paths = ", ".join(use.text for use in line.paths) if line is not None else what
        self.writer.comment(f"{where}{path}{f' <- {paths}' if paths else ''}")


def _unless_empty(short: Callable[..., Any], empty: Emptiness) -> Callable[..., Any]:
    """Return a short way for a mapping that calls more texts empty than others do."""

    def unless_empty(value: Any, known: Any) -> Any:
        return None if empty.is_empty(value) else short(value, known)

    return unless_empty
