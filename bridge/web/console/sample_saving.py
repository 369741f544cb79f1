"""Saving a webhook that came as a sample of its mapping, where the settings allow files to be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import CannotOpen, WrongUse
from bridge.mapping.draft import draft_mapping
from bridge.web.console.active_mappings import active_mapping, text_of_form
from bridge.web.console.mapping_files import content_of, file_to_write, revision_of, write
from bridge.web.console.pages import form, see_other, with_query
from bridge.web.console.sample_choice import webhook_of
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

if TYPE_CHECKING:
    from bridge.authoring.scaffold.sample_file import SampleFiles


def save_sample(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write the webhook to a file, with fictional people, and name it in the mapping."""
    from bridge.authoring.scaffold.sample_file import sample_of, with_sample

    given = form(request)
    name, webhook = given.get("name", ""), webhook_of(context, given)
    mapping = active_mapping(context, name)
    file = file_to_write(context.settings, name, mapping)
    if mapping is None or webhook is None:
        raise WrongUse(
            "there is no webhook or no mapping to make a sample of", fix="it may be kept no longer"
        )
    content = content_of(file)
    _refuse_unsaved(given, content)
    sample = sample_of(webhook, mapping)
    text = with_sample(content.decode("utf-8", "replace"), sample.file.relative_to(file.parent).as_posix())
    _write_sample(sample)
    try:
        draft_mapping(text, context.spec, context.settings.destinations, name, file.parent)
        write(file, text.encode("utf-8"), revision_of(content), context.now())
    except BaseException:
        _remove(sample)
        raise
    context.log.info("sample_saved", request_id=request.id, mapping=name, peer=request.peer)
    context.mappings.refresh()
    shown = {"mapping": name, "sample": f"file/{sample.file.name}"}
    return see_other(with_query("/console/playground", shown, done="sample_saved"))


def _refuse_unsaved(given: Mapping[str, str], content: bytes) -> None:
    """Raise WrongUse when the mapping was edited in the page, which is loaded anew: changes would be lost."""
    edited = text_of_form(given).encode("utf-8", "replace")
    if "mapping" in given and edited != content:
        raise WrongUse("the mapping has changes that are not saved", fix="go back and save it first")


def _write_sample(sample: SampleFiles) -> None:
    try:
        sample.file.parent.mkdir(parents=True, exist_ok=True)
        for file, content in ((sample.file, sample.body), (sample.side_file, sample.side)):
            _write_new(file, content)
    except OSError as error:
        fix = "let the bridge write into the folder of its mappings"
        raise CannotOpen(f"{sample.file.name} cannot be written ({error.strerror})", fix=fix) from error


def _write_new(file: Path, content: str) -> None:
    with file.open("x", encoding="utf-8") as stream:
        stream.write(content)


def _remove(sample: SampleFiles) -> None:
    for file in (sample.file, sample.side_file):
        file.unlink(missing_ok=True)
