"""What a stranger relies on when looking for something: the drawn layout, one name for one thing, no gaps."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from bridge.cli import COMMANDS
from tests.mutants.changes import PARTS, equivalent, mutants_of
from tests.test_architecture import MODULES, PACKAGE, imports, is_within, modules_within

TOP = PACKAGE.parent
DOCS = "\n".join(file.read_text("utf-8") for file in sorted((TOP / "docs").glob("*.md")))


# --- the layout ------------------------------------------------------------------------------------

NOT_DRAWN = {"__init__.py", "__main__.py", "py.typed"}


def drawn() -> dict[str, str]:
    """Return each entry of the layout in CONTRIBUTING.md and what is said about it."""
    text = (TOP / "CONTRIBUTING.md").read_text("utf-8")
    block = text.partition("```\nbridge/\n")[2].partition("```")[0]
    lines = re.findall(r"^  ([\w.]+/?) +(\S.*)$", block, re.MULTILINE)
    return dict(lines)


def test_the_layout_drawn_in_contributing_is_the_layout():
    there = {
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in PACKAGE.iterdir()
        if not entry.name.startswith("__pycache__") and entry.suffix not in {".so", ".pyd"}
    } - NOT_DRAWN
    assert set(drawn()) == there, "change the drawing in CONTRIBUTING.md when a folder or file comes or goes"


# --- names -----------------------------------------------------------------------------------------

# modules whose package makes clear which one is meant
CLEAR_BY_PACKAGE = {
    "context": "what a compilation, a cleaning or the web works with",
    "event": "one event: compiled, run, cleaned",
    "ids": "of people in normalize, of rows in outbox",
    "loader": "of settings, of a mapping",
    "models": "the values of a package",
    "options": "of the command line, of settings",
    "reader": "of a body, of mapping files",
    "store": "of mappings, of events",
    "worker": "delivery, and the gunicorn worker",
}


def test_no_two_modules_have_one_name():
    named = defaultdict(list)
    for module in MODULES:
        package, _, name = module.rpartition(".")
        if package not in {"bridge.cli", "bridge.web.console"} and MODULES[module].name not in {
            "__init__.py",
            "__main__.py",
        }:
            named[name].append(module)
    twice = {name: found for name, found in named.items() if len(found) > 1 and name not in CLEAR_BY_PACKAGE}
    assert twice == {}, "rename one, after what it alone is about"


def test_no_two_classes_have_one_name():
    named = defaultdict(list)
    for module, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                named[node.name].append(module)
    twice = {name: found for name, found in named.items() if len(found) > 1}
    assert twice == {}, "rename one, after what it alone is about"


COINED = re.compile(
    r"doors?|roads?|couriers?|parcels?|seat(s|ed)?|heed(s|ed)?|hears?|mend(s|ed|ing|ings)?|surroundings|told"
)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@cache
def identifiers(module: str) -> frozenset[str]:
    """Return every name of a module: variables, functions, classes, arguments, attributes."""
    source = MODULES[module].read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return frozenset(t.string for t in tokens if t.type == tokenize.NAME and not keyword.iskeyword(t.string))


@pytest.mark.parametrize("module", MODULES)
def test_names_are_words_of_the_field(module):
    names = identifiers(module) | set(module.split("."))
    coined = {name for name in names for word in WORDS.findall(name.casefold()) if COINED.fullmatch(word)} | {
        name for name in names if any(COINED.fullmatch(word.casefold()) for word in WORDS.findall(name))
    }
    assert coined == set(), "see the vocabulary in CONTRIBUTING.md"


# --- who imports whom ------------------------------------------------------------------------------

CORE = (
    "bridge.bootstrap",
    "bridge.pipeline",
    "bridge.verify",
    "bridge.body",
    "bridge.mapping",
    "bridge.normalize",
    "bridge.validate",
    "bridge.explain",
    "bridge.lint",
    "bridge.recognize",
    "bridge.coerce",
    "bridge.meta_spec",
    "bridge.privacy",
    "bridge.settings",
    "bridge.ingest",
    "bridge.jobs",
    "bridge.outbox",
    "bridge.delivery",
    "bridge.fetch",
    "bridge.monitoring",
    "bridge.web",
)
BESIDE_THE_CORE = ("bridge.authoring", "bridge.docgen", "bridge.cli", "bridge.simulator")
# a demo runs the simulator in its delivery process; console pages and jobs may use the authoring tools
MAY = {
    "bridge.delivery.process": ("bridge.simulator",),
    "bridge.web.console": ("bridge.authoring",),
    "bridge.jobs.comparison": ("bridge.authoring",),
}


@pytest.mark.parametrize("module", modules_within(*CORE))
def test_the_core_never_imports_what_is_beside_it(module):
    allowed = tuple(root for home, roots in MAY.items() if is_within(module, home) for root in roots)
    found = {name for name in imports(module) if is_within(name, *BESIDE_THE_CORE)}
    assert {name for name in found if not is_within(name, *allowed)} == set()


# --- nothing forgotten -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_on_a_page(command):
    assert re.search(rf"capi-bridge {command}\b", DOCS), f"no page of docs/ shows `capi-bridge {command}`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_test(command):
    tests = (file for file in (TOP / "tests").rglob("*.py") if file != Path(__file__))
    assert any(f'"{command}"' in file.read_text("utf-8") for file in tests), f"no test runs {command}"


def test_every_change_listed_as_equivalent_is_one_to_the_code_as_it_is():
    assert all(equivalent(mutant for part in PARTS for mutant in mutants_of(TOP, part)).values())
