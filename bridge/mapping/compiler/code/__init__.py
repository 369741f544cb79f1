"""Straight-line Python for each event of a mapping, written once when the file is loaded.

The code reads and cleans ordinary values at once and calls today's readers and cleaners for every other
value. It holds no rule of its own: what ordinary is stands beside each cleaner (`normalize/ordinary.py`).
Where a mapping has something that only the general way can do, there is no code, or the code gives up for
this webhook, and the general way (`CompiledEvent.draft`, then `normalize`) does the whole event.
"""

from bridge.mapping.compiler.code.event_function import write_event_code

__all__ = ["write_event_code"]
