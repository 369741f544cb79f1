"""What the documentation promises is true: its mappings run, and its commands, endpoints and links exist."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import click
import pytest
import yaml
from click.testing import CliRunner

from bridge.authoring.findings_output import write_findings
from bridge.authoring.test_runner import run_tests
from bridge.cli import COMMANDS, commands
from bridge.errors import Invalid
from bridge.lint import lint
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.samples import request_of_data
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Request, Verified
from bridge.pipeline import translate
from bridge.positioned_yaml import read_yaml
from bridge.settings import load_settings
from bridge.settings.options import SETTINGS as SETTINGS_SECTION
from bridge.web.openapi import document
from bridge.web.routes import ROUTES

TOP = Path(__file__).parent.parent
PAGES = (TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").glob("*.md")))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DESTINATIONS = ("acme", "globex", "main", "agency")

# the lines that belong to a short recipe unless it says otherwise
AROUND = {
    "version": "version: 1\n",
    "event_name": "event_name: Lead\n",
    "action_source": "action_source: system_generated\n",
    "user_data": "user_data:\n  email: email\n",
}
OF_A_MAPPING = {"version", "event_name", "events", "user_data", "custom_data", "tests", "receive"}
OF_OTHER_TOOLS = {"services", "scrape_configs", "groups", "jobs", "apiVersion"}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def keys(self) -> set[str]:
        return set(re.findall(r"^([\w$.-]+):", self.text, re.MULTILINE))


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield Block(page, text[: match.start()].count("\n") + 1, match[1], match[2])


BLOCKS = tuple(blocks())
YAML = [block for block in BLOCKS if block.language == "yaml"]
OURS = [block for block in YAML if not block.keys & OF_OTHER_TOOLS]
SETTINGS = [
    block for block in OURS if block.keys <= set(SETTINGS_SECTION.options) and not block.keys & OF_A_MAPPING
]
MAPPINGS = [block for block in OURS if block not in SETTINGS]


def mapping_in(block: Block) -> CompiledMapping:
    keys = block.keys | ({"event_name"} if "events" in block.keys else set())
    if "erase" in block.keys:
        keys |= {"event_name", "action_source", "user_data"}
    text = "".join(line for key, line in AROUND.items() if key not in keys) + block.text
    return load_mapping(
        Path(f"{block.page.stem}.yaml"),
        environment={},
        spec=load_meta_spec(),
        destinations=DESTINATIONS,
        secrets="optional",
        source=text.encode(),
    )


@pytest.mark.parametrize("block", MAPPINGS, ids=lambda block: block.id)
def test_every_mapping_in_the_docs_is_right_and_does_what_it_says(block):
    mapping = mapping_in(block)
    assert [finding for finding in lint(mapping, load_meta_spec()) if finding.severity == "error"] == []
    failures = [
        (result.test.name, failure.what, failure.expected, failure.got)
        for result in run_tests(mapping, load_meta_spec(), NOW)
        for failure in result.failures
    ]
    assert failures == []


def test_every_recipe_shows_what_it_does():
    recipes = [block for block in MAPPINGS if block.page.name == "recipes.md"][1:]
    assert len(recipes) >= 26
    assert [block.id for block in recipes if not mapping_in(block).tests] == []


class AnyName(dict[str, str]):
    """An environment in which every name a page may use is set, and the bridge's own are not."""

    def __contains__(self, name: object) -> bool:
        return str(name).isupper() and not str(name).startswith(("CAPI_BRIDGE_", "META_"))

    def get(self, name, default=None):
        return str(self[name]) if name in self else default

    def __missing__(self, name):
        return "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" if "SECRET" in name else "1234567890123456"


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: block.id)
def test_the_settings_in_the_docs_are_right(block, tmp_path):
    file = tmp_path / "bridge.yaml"
    file.write_text(
        re.sub(r"\$\{(META_\w+(:-)?|file:[^}]+)\}", "1234567890123456", block.text).replace(
            "${CAPI_BRIDGE_", "${THE_"
        )
    )
    assert load_settings(file, AnyName()).folder == tmp_path


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "json"], ids=lambda block: block.id
)
def test_the_json_in_the_docs_is_json(block):
    json.loads(block.text)


def test_the_error_shown_to_learners_is_the_error_they_get(tmp_path):
    page = [block for block in BLOCKS if block.page.name == "learn.md"]
    first = next(block.text for block in page if block.language == "yaml")
    wrong = first.replace("  email:", "  emial:")
    with pytest.raises(Invalid) as refused:
        load_mapping(
            Path("mappings/contact.yaml"), environment={}, spec=load_meta_spec(), source=wrong.encode()
        )
    shown = write_findings(refused.value.findings, "text", lambda _: wrong.splitlines())
    assert shown == next(block.text for block in page if block.language == "text")


# --- links -----------------------------------------------------------------------------------------


def slugs(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        prose = re.sub(
            r"^```.*?^```|`[^`\n]+`(?!\])", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if "://" not in target and not target.startswith("mailto:"):
                yield page, target


def test_every_link_between_pages_leads_somewhere():
    broken = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in slugs(file)):
            broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_page_is_in_the_index():
    index = (TOP / "docs" / "README.md").read_text("utf-8")
    missing = [page.name for page in (TOP / "docs").glob("*.md") if f"({page.name})" not in index]
    assert [name for name in missing if name != "README.md"] == []


# --- commands, endpoints, names ---------------------------------------------------------------------


def code() -> Iterator[tuple[str, str]]:
    """Yield every piece of code with its page: lines of a shell block, and code inside a sentence."""
    for block in BLOCKS:
        if block.language in {"bash", "console", "sh"}:
            joined = block.text.replace("\\\n", " ")
            yield from ((block.page.name, line) for line in joined.splitlines())
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        yield from ((page.name, span) for span in re.findall(r"`([^`\n]+)`", text))


def command_called(words: list[str]) -> tuple[str, click.Command | None]:
    """Return the command that the first words name, with its sub-command, and how it is spelled."""
    name = words[0]
    if name not in COMMANDS:
        return name, None
    module, attribute, _ = COMMANDS[name]
    command: click.Command = getattr(importlib.import_module(module), attribute)
    if isinstance(command, click.Group) and len(words) > 1 and re.fullmatch("[a-z-]+", words[1]):
        return f"{name} {words[1]}", command.commands.get(words[1])
    return name, command


def options_of(command: click.Command) -> set[str]:
    own = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*(options_of(below) for below in inner))


def test_every_command_and_option_in_the_docs_exists():
    wrong = []
    for page, line in code():
        for called in re.findall(r"capi-bridge ([a-z][a-z-]*(?: [^|;#&]*)?)", line):
            name, command = command_called(called.split())
            if command is None:
                wrong.append(f"{page}: capi-bridge {name}")
                continue
            wrong += [
                f"{page}: capi-bridge {name} {option}"
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", called)
                if option not in options_of(command)
            ]
    assert wrong == []


def test_every_command_is_shown_in_the_docs():
    shown = {called for _, line in code() for called in re.findall(r"capi-bridge ([a-z][a-z-]*)", line)}
    if missing := sorted(set(COMMANDS) - shown):
        pytest.fail(f"show these commands on a page of docs/: {', '.join(missing)}", pytrace=False)


def endpoints() -> Iterator[tuple[str, str]]:
    roots = r"hooks|dry-run|api|validate|healthz|readyz|metrics|openapi\.json"
    pattern = rf"(?:^|[\s\"]|https?://[\w.:-]+)(/(?:{roots})(?:/[\w<>{{}}*.-]+)*)"
    for page, line in code():
        yield from ((page, endpoint) for endpoint in re.findall(pattern, line))


def test_every_endpoint_in_the_docs_exists():
    known = [f"{path}/".split("/") for path in document(ROUTES)["paths"]]
    known += [[*path[:-1], "{name}"] for path in known if path[-2] == "{name}"]  # a mapping in a folder

    def exists(endpoint: str) -> bool:
        steps = endpoint.rstrip(".").split("/")
        return any(
            all(part == step or part.startswith("{") for part, step in zip(path, steps, strict=False))
            for path in known
            if len(path) >= len(steps)
        )

    assert [f"{page}: {endpoint}" for page, endpoint in endpoints() if not exists(endpoint)] == []


def test_every_variable_of_the_bridge_in_the_docs_is_read():
    source = "\n".join(file.read_text("utf-8") for file in (TOP / "bridge").rglob("*.py"))
    named = {
        name for page in PAGES for name in re.findall(r"\bCAPI_BRIDGE_[A-Z_]+\b", page.read_text("utf-8"))
    }
    assert {
        name for name in named if name not in source and name.removeprefix("CAPI_BRIDGE_") not in source
    } == set()


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^([\w-]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for _, line in code() for name in re.findall(r"^make ([a-z-]+)", line)}
    assert named - targets == set()


def test_every_mapping_named_like_a_shipped_one_ships():
    shipped = {file.stem for file in (TOP / "mappings").glob("*.yaml")}
    named = {name for _, line in code() for name in re.findall(r"--like ([a-z0-9-]+)", line)}
    assert named - shipped == set()


# --- files to import -------------------------------------------------------------------------------

LEAD = {
    "lead_id": "1001",
    "created": "2026-11-21T11:59:00Z",
    "email": "jane@example.com",
    "phone": "0151 2345678",
    "name": "Jane Doe",
    "fbclid": "",
}


def mapping_of_page(name: str) -> CompiledMapping:
    return mapping_in(next(block for block in MAPPINGS if block.page.name == name))


def test_the_blueprint_sends_what_the_page_maps():
    blueprint = json.loads((TOP / "docs/files/make-blueprint.json").read_text("utf-8"))
    sends = blueprint["flow"][-1]["mapper"]
    assert (sends["method"], sends["bodyType"]) == ("post", "x_www_form_urlencoded")
    assert [row["value"] for row in sends["formFields"]] == [f"{{{{1.{name}}}}}" for name in LEAD]
    assert sends["headers"][0]["name"] == "X-Token"
    assert sends["url"].startswith("https://bridge.example.com/hooks/make-lead")

    body = urlencode({row["key"]: LEAD[row["key"]] for row in sends["formFields"]}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = Request("POST", sends["url"], headers, {}, body, None, NOW)
    [event] = translate(Verified(request), mapping_of_page("make.md"), load_meta_spec()).events
    assert (event.verdict, event.data["event_id"]) == ("ready", "lead-1001")
    assert {"em", "ph", "fn", "ln", "external_id"} == set(event.data["user_data"])


def test_the_workflow_sends_what_the_page_maps():
    workflow = json.loads((TOP / "docs/files/n8n-workflow.json").read_text("utf-8"))
    sends = workflow["nodes"][-1]["parameters"]
    rows = sends["bodyParameters"]["parameters"]
    assert [row["value"] for row in rows] == [f"={{{{ $json.body.{name} }}}}" for name in LEAD]
    assert sends["url"].startswith("https://bridge.example.com/hooks/n8n-lead")
    [[[wire]]] = [node["main"] for node in workflow["connections"].values()]
    assert wire["node"] == workflow["nodes"][-1]["name"]

    payload = {row["name"]: LEAD[row["name"]] for row in rows} | {"phone": "+49 151 2345678"}
    request = request_of_data(payload, "n8n-lead", NOW)
    [event] = translate(Verified(request), mapping_of_page("n8n.md"), load_meta_spec()).events
    assert (event.verdict, event.data["event_id"]) == ("ready", "lead-1001")


def test_the_flow_is_wired_and_sends_to_the_mapping_of_its_page():
    nodes = {
        node["id"]: node for node in json.loads((TOP / "docs/files/node-red-flow.json").read_text("utf-8"))
    }
    reached = {target for node in nodes.values() for out in node.get("wires", ()) for target in out}
    starts = {name for name, node in nodes.items() if node["type"] in {"tab", "inject", "catch"}}
    assert reached | starts == set(nodes)
    code = "\n".join(node.get("func", "") for node in nodes.values())
    assert '"/hooks/node-red-lead"' in code
    assert '"x-token"' in code
    fields = re.findall(r"^    (\w+): ", code, re.MULTILINE)
    assert fields == list(LEAD)
    assert mapping_of_page("node-red.md").receive.verify.header.lower() == "x-token"


def test_yaml_in_the_docs_has_no_traps():
    for block in YAML:
        root, findings = read_yaml(block.text, block.id)
        assert findings == [], block.id
        assert root is not None, block.id


# --- the README, the deployment files and the page about Python -------------------------------------


def test_the_readme_names_every_vendor_with_a_shipped_mapping():
    readme = re.sub(r"[^a-z0-9]", "", (TOP / "README.md").read_text("utf-8").lower())
    vendors = {file.stem.partition("-")[0] for file in (TOP / "mappings").glob("*.yaml")} - {"website"}
    assert [vendor for vendor in sorted(vendors) if vendor not in readme] == []


def test_the_example_of_the_python_page_runs(tmp_path, monkeypatch, capsys):
    [example] = [block for block in BLOCKS if (block.page.name, block.language) == ("python.md", "python")]
    readme = next(block for block in MAPPINGS if block.page.name == "README.md")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "contact.yaml").write_text(readme.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(example.text, example.id, "exec"), {})
    assert capsys.readouterr().out.startswith(
        "ready {'action_source': 'system_generated', 'event_name': 'Lead'"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_completion_works_in_every_shell(shell):
    page = (TOP / "docs" / "commands.md").read_text("utf-8")
    [variable] = re.findall(rf"(\w+)={shell}_source capi-bridge", page)
    result = CliRunner().invoke(commands, prog_name="capi-bridge", env={variable: f"{shell}_source"})
    assert (result.exit_code, "_capi_bridge_completion" in result.stdout) == (0, True)


def test_the_files_for_docker_agree_with_each_other_and_with_the_program():
    compose = yaml.safe_load((TOP / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    for name in ("migrate", "web", "worker"):
        called, command = command_called(services[name]["command"])
        assert command is not None, called
        options = [word for word in services[name]["command"] if word.startswith("--")]
        assert set(options) <= options_of(command)
        for volume in services[name]["volumes"]:
            assert (TOP / volume.split(":")[0]).exists()
    asked_for = set(re.findall(r"\$\{(\w+):\?", (TOP / "compose.yaml").read_text("utf-8")))
    offered = set(re.findall(r"^(\w+)=", (TOP / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert asked_for <= offered
    ports = set(
        re.findall(r"(?:EXPOSE |127\.0\.0\.1:|0\.0\.0\.0:)(\d+)", (TOP / "Dockerfile").read_text("utf-8"))
    )
    [published] = services["web"]["ports"]
    assert {published.split(":")[-1], services["web"]["command"][2].split(":")[1]} == ports == {"8000"}


def test_one_port_is_shown_everywhere():
    default = next(option.default for option in command_called(["serve"])[1].params if option.name == "bind")
    files = [*PAGES, *(TOP / "deploy").glob("*"), TOP / "compose.yaml", TOP / "Dockerfile"]
    shown = {
        port
        for file in files
        for port in re.findall(r"(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", file.read_text("utf-8"))
    }
    simulator, metrics = "8990", "9100"
    assert shown - {simulator, metrics} == {default.split(":")[1]}


def test_the_settings_for_docker_are_right(tmp_path):
    environment = {"META_DATASET_ID": "1234567890", "META_ACCESS_TOKEN": "a-token"}
    settings = load_settings(TOP / "deploy" / "bridge.yaml", environment)
    assert list(settings.destinations) == ["main"]
