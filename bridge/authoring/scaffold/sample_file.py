"""A sample file made of a webhook that came: fictional people, and its name in the mapping's `samples`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from bridge.authoring.scaffold.fictional import FictionalWebhook, fictional_webhook
from bridge.authoring.scaffold.yaml_writer import yaml_text
from bridge.body.parse import parse
from bridge.errors import WrongUse
from bridge.mapping import CompiledMapping
from bridge.models import Request, Verified
from bridge.serialization import encode_readable

_MOST = 1_000  # samples of a mapping and a day
_SAMPLES = re.compile(r"^samples:[ \t]*(?P<rest>[^\n]*)$", re.MULTILINE)
_ITEM = re.compile(r"\n(?P<indent> *)- [^\n]*")


class SampleFiles(NamedTuple):
    """A sample and what is noted beside it, as they are to be written."""

    file: Path
    body: str
    side: str

    @property
    def side_file(self) -> Path:
        """Return the file beside the sample."""
        return self.file.with_suffix(".headers.json")


def sample_of(request: Request, mapping: CompiledMapping) -> SampleFiles:
    """Return a webhook as a sample of a mapping, under a name that is free. Raises Refused and WrongUse."""
    played = fictional_webhook(parse(Verified(request), mapping.receive), mapping)
    folder = mapping.file.parent / "samples" / mapping.file.stem
    day = f"{request.received_at:%Y-%m-%d}"
    names = (folder / f"webhook-{day}-{number}.json" for number in range(1, _MOST))
    file = next((one for one in names if not one.exists()), None)
    if file is None:
        raise WrongUse("there are many samples of this day already", fix="delete those that are not needed")
    return SampleFiles(file, f"{encode_readable(played.data)}\n", _side(played, request))


def with_sample(text: str, name: str) -> str:
    """Return the text of a mapping that names one more sample. Raises WrongUse where that is not possible."""
    written, block = yaml_text(name), _SAMPLES.search(text)
    if block is None:
        return f"{text.rstrip()}\n\nsamples:\n  - {written}\n"
    rest = re.sub(r"(^|\s)#.*", "", block["rest"]).strip()
    if not rest:
        return _behind_the_last(text, block.end(), written)
    if rest.startswith("[") and rest.endswith("]"):
        inside = rest[1:-1].strip().rstrip(",")
        listed = f"samples: [{inside}{', ' if inside else ''}{written}]"
    elif rest[0] in "[{&*|>":
        raise WrongUse(
            "the samples of this mapping are written over several lines", fix="write them as a list"
        )
    else:
        listed = f"samples: [{rest}, {written}]"
    return f"{text[: block.start()]}{listed}{text[block.end() :]}"


def _behind_the_last(text: str, start: int, written: str) -> str:
    end, indent = start, "  "
    while item := _ITEM.match(text, end):
        end, indent = item.end(), item["indent"]
    return f"{text[:end]}\n{indent}- {written}{text[end:]}"


def _side(played: FictionalWebhook, request: Request) -> str:
    arrived = played.as_request(request)
    beside = {
        "headers": arrived.headers,
        "query": arrived.query,
        "ip": arrived.ip,
        "now": request.received_at.isoformat(timespec="seconds"),
    }
    kept = {name: value for name, value in beside.items() if value}
    return f"{json.dumps(kept, ensure_ascii=False, indent=2)}\n"
