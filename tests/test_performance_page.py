"""The page about performance names only settings and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.cli.serve import serve
from bridge.settings.models import DeliverySettings

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "performance.md").read_text()


def test_every_delivery_setting_of_the_page_exists():
    named = set(re.findall(r"`delivery\.(\w+)`", PAGE))
    assert named
    assert named <= set(DeliverySettings.__dataclass_fields__)


def test_every_option_of_serve_on_the_page_exists():
    named = set(re.findall(r"(--[a-z][a-z-]+)", PAGE))
    assert named
    assert named <= {option for parameter in serve.params for option in parameter.opts}
