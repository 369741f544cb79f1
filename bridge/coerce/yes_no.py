"""Words for yes and no: those of whoever writes settings and mappings, and those that senders send."""

from __future__ import annotations

from typing import Final

YES_NO: Final = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
SENT_FOR_YES: Final = frozenset({"true", "1", "yes", "y", "on", "t"})
SENT_FOR_NO: Final = frozenset({"false", "0", "no", "n", "off", "f"})
