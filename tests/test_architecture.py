"""The picture in CONTRIBUTING.md is true: who may import whom, and who may use what is outside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bridge"
MODULES = {
    ".".join(("bridge", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
STEPS = ("bridge.verify", "bridge.body.parse", "bridge.mapping", "bridge.normalize", "bridge.validate")


@cache
def imports(module: str) -> frozenset[str]:
    """Return every module that this one imports, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def needed(module: str) -> Iterator[str]:
    """Yield the modules of ours that this one imports, also where only types are checked."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def test_no_module_needs_itself_by_way_of_others():
    order = TopologicalSorter({module: set(needed(module)) - {module} for module in MODULES})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def is_within(name: str, *roots: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def strangers(module: str, *forbidden: str) -> list[str]:
    return sorted(name for name in imports(module) if is_within(name, *forbidden))


def modules_within(*roots: str) -> list[str]:
    return [module for module in MODULES if is_within(module, *roots)]


# a library -> the only places that import it
USERS = {
    "flask": ("bridge.web", "bridge.wsgi"),
    "sqlalchemy": ("bridge.outbox",),
    "alembic": ("bridge.outbox",),
    "psycopg": ("bridge.outbox",),
    "urllib3": (
        "bridge.http_calls",
        "bridge.fetch.exchange",
        "bridge.cli.demo",
    ),
    "gunicorn": ("bridge.server",),
    "dotenv": ("bridge.settings.environment",),
    "jinja2": ("bridge.web.console",),
    "smtplib": ("bridge.monitoring.mail",),
    "phonenumbers": ("bridge.normalize", "bridge.privacy.phone_numbers"),
    "cryptography": ("bridge.crypto", "bridge.public_keys"),
    "jwt": ("bridge.verify",),
    "prometheus_client": ("bridge.monitoring.metrics",),
    "tabulate": ("bridge.cli",),
    "yaml": ("bridge.positioned_yaml", "bridge.meta_spec.shipped_files"),
}


@pytest.mark.parametrize(("library", "homes"), USERS.items(), ids=USERS)
def test_each_library_is_used_in_one_place(library, homes):
    others = {
        module: found
        for module in MODULES
        if not is_within(module, *homes) and (found := strangers(module, library))
    }
    assert others == {}


@pytest.mark.parametrize(
    "module", modules_within(*STEPS, "bridge.pipeline", "bridge.validate.match_strength")
)
def test_the_pipeline_is_pure(module):
    impure = (
        "bridge.outbox",
        "bridge.web",
        "bridge.cli",
        "bridge.delivery.http_client",
        "bridge.fetch",
        "bridge.settings",
        "bridge.simulator",
        "os",
        "socket",
        "time",
        "threading",
        "random",
    )
    # the folder watches files beside the pipeline; what it hands out is as pure as the rest
    allowed = {"bridge.mapping.store": ("threading", "time")}.get(module, ())
    assert [name for name in strangers(module, *impure) if name not in allowed] == []


# one function for an event both maps and cleans: with two, an event would take twice as long
AT_ONCE = "bridge.mapping.compiler.code"


@pytest.mark.parametrize("module", [m for m in modules_within(*STEPS) if not is_within(m, AT_ONCE)])
def test_no_step_calls_another_step(module):
    own = next(step for step in STEPS if is_within(module, step))
    assert strangers(module, *(step for step in STEPS if step != own)) == []


@pytest.mark.parametrize("module", [m for m in MODULES if not is_within(m, "bridge.cli", "bridge.web")])
def test_the_shells_are_imported_by_nobody_below_them(module):
    if is_within(module, "bridge.server", "bridge.wsgi", "bridge.__main__", "bridge.docgen"):
        return
    assert strangers(module, "bridge.web", "bridge.cli") == []


def calls(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


READS_ENVIRONMENT = ("bridge.settings", "bridge.cli", "bridge.server")
READS_CLOCK = (
    "bridge.cli",
    "bridge.web",
    "bridge.server",
    "bridge.simulator",
    "bridge.monitoring.clock",
    "bridge.monitoring.log",
)


def test_only_the_shells_read_the_environment():
    readers = {m for m in MODULES if any(call in ("os.environ", "os.getenv") for call in calls(m))}
    assert {m for m in readers if not is_within(m, *READS_ENVIRONMENT)} == set()


def test_only_the_shells_read_the_clock():
    clocks = {"datetime.now", "time.time", "datetime.datetime.now", "date.today", "datetime.utcnow"}
    readers = {m for m in MODULES if any(call in clocks for call in calls(m))}
    assert {m for m in readers if not is_within(m, *READS_CLOCK)} == set()


VENDORS = re.compile(
    r"\b(shopify|hubspot|salesforce|pipedrive|zoho|gohighlevel|activecampaign|kommo|bitrix(24)?|typeform|jotform"
    r"|elementor|webflow|tally|fillout|unbounce|woocommerce|stripe|calendly|clickfunnels|kajabi|callrail|zapier"
    r"|n8n|paddle|chargebee|wpforms|leadpages)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("module", MODULES)
def test_no_vendor_is_named_in_python(module):
    assert VENDORS.findall(MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_opens_with_one_sentence_and_stays_small(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module says first what lives here"
    assert text.count("\n") <= 450, "a module of this size holds more than one idea"
