"""What the compiling of one file shares: the problems, what counts as empty, and which fields were named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from bridge.coerce.emptiness import Emptiness
from bridge.finding import Position
from bridge.mapping.language.path_syntax import BROWSER_ONLY, BadPath, Path, read_path
from bridge.mapping.language.reader import Loading
from bridge.mapping.runtime.no_answer import NoAnswer
from bridge.mapping.runtime.paths import CompiledPath, Walk, compile_path
from bridge.mapping.runtime.scope import MISSING, Called, Reader, Scope, entries_of
from bridge.models import Fetched, ReadingSettings, Webhook
from bridge.positioned_yaml import Node, Scalar

MAX_ITEMS: Final = 1_000

Read = Reader
Shape = Literal["one", "many"]


@dataclass(frozen=True, slots=True)
class PathUse:
    """One path of the file: its text, its position, the list it is below, and how it is read.

    `above` holds the readers of the `for_each` lists around it, outermost first.
    """

    text: str
    position: Position
    base: str | None
    above: tuple[Reader, ...]
    compiled: CompiledPath

    @property
    def system(self) -> bool:
        """Return whether it reads a system value and not a field."""
        return self.compiled.path.root == "system"

    @property
    def answer(self) -> str:
        """Return the step of `fetch` whose answer it reads, empty when it reads none."""
        return self.compiled.path.name if self.compiled.path.root == "answer" else ""

    def scopes(self, webhook: Webhook, source: str = "") -> Iterator[Scope]:
        """Yield each scope that the path is read from."""
        yield from scopes_below(Scope(webhook, source), self.above)

    def values(self, webhook: Webhook, source: str = "") -> list[Any]:
        """Return what the path finds in a webhook, once for every item above it, without missing ones."""
        found = (self._value(scope) for scope in self.scopes(webhook, source))
        return [value for value in found if value is not MISSING]

    def _value(self, scope: Scope) -> Any:
        try:
            return self.compiled.locate.read(scope)
        except NoAnswer:
            return MISSING


def _no_steps() -> Mapping[str, Any]:
    return {}


def scopes_below(scope: Scope, above: tuple[Reader, ...]) -> Iterator[Scope]:
    """Yield the scope of every item of nested lists; a list in an answer that is not there has none."""
    if not above:
        yield scope
        return
    try:
        items = entries_of(above[0].read(scope), scope)
    except NoAnswer:
        return
    for index, item in enumerate(items[:MAX_ITEMS]):
        yield from scopes_below(scope.inside(item, index, ""), above[1:])


@dataclass(frozen=True, slots=True)
class Compiling:
    """The state of compiling at one place of the file; `uses` collects every path in their order.

    `false_is_empty` where no field of Meta takes a truth value: Odoo sends false for every empty field.
    `answers` are the names of the steps of `fetch`; `steps` holds each FetchStep as soon as it is compiled,
    and is None where a webhook is read before anything is fetched. `visit` is the VisitBlock of the file.
    `ids` are the values that a step has named for its texts.
    """

    loading: Loading
    empty: Emptiness
    settings: ReadingSettings
    browser: bool
    base: tuple[str, ...] = ()
    above: tuple[Reader, ...] = ()
    currency: Read | None = None
    skips: bool = False
    false_is_empty: bool = False
    uses: list[PathUse] = field(default_factory=list)
    answers: tuple[str, ...] = ()
    steps: Mapping[str, Any] | None = field(default_factory=_no_steps)
    visit: Any = None
    ids: Mapping[str, Reader] = field(default_factory=dict)

    def below(self, path: str, reader: Reader) -> Compiling:
        """Return the state inside the entries of a list."""
        return replace(self, base=(*self.base, path), above=(*self.above, reader))

    def with_currency(self, currency: Read | None) -> Compiling:
        """Return the state of an event whose currency is known, for cents."""
        return replace(self, currency=currency)

    def path(self, node: Node, text: str, offset: int = 0) -> CompiledPath | None:
        """Compile one path; a wrong one is reported and None."""
        try:
            path = read_path(text, self.answers)
        except BadPath as bad:
            where = moved(node.position, offset + bad.offset + (isinstance(node, Scalar) and node.quoted))
            self.loading.error(where, bad.code, bad.message, bad.fix, bad.suggestion)
            return None
        if path.system in BROWSER_ONLY and not self.browser:
            self.loading.error(
                node,
                "not_the_visitors",
                f"{path.system} in a webhook sent by a server describes that server, not the person",
                "remove the line, or write sent_by: browser under receive when browsers post here directly",
            )
            return None
        compiled = self._answer_path(node, path) if path.root == "answer" else compile_path(path)
        if compiled is None:
            return None
        of_item = path.root in {"item", "answer"}
        base = ".*.".join(self.base) if self.base and of_item else None
        self.uses.append(PathUse(text, node.position, base, self.above if of_item else (), compiled))
        return compiled

    def _answer_path(self, node: Node, path: Path) -> CompiledPath | None:
        """Return the reader of a path into an answer; its step may be compiled later than the path."""
        walk, name, steps = Walk(path), path.name, self.steps
        if steps is None:
            message = f"${name} is fetched later, after the webhook was received and looked at"
            self.loading.error(node, "answer_too_early", message, "name a field of the webhook")
            return None

        def read(scope: Scope) -> Any:
            value = steps[name].value(scope)
            return value if value is MISSING else walk.read_from(scope, value)

        def fetched(scope: Scope) -> Fetched:
            found: Fetched = steps[name].explained(scope)
            return found

        return CompiledPath(path, Called(read), walk, fetched)


def moved(position: Position, columns: int) -> Position:
    """Return a place further right on the same line."""
    return replace(position, column=position.column + columns)


def watch(compiled: CompiledPath, scope: Scope, outcome: str | None) -> None:
    """Record what a path gave, for an explanation; the live pipeline never calls this."""
    trace = scope.trace
    if trace is None:
        return
    if outcome is not None:
        trace.tried(scope.field, compiled.path.text, outcome)
    else:
        text = compiled.path.text if compiled.fetched is None else compiled.described(scope)
        trace.supplied(scope.field, text, compiled.places(scope))
