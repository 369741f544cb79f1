"""What is made when it is first needed, once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Lazy(Generic[Made]):
    """Makes something when it is first asked for; who asks meanwhile waits."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: Made | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Made:
        """Return what was made."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made

    def take_back(self) -> Made | None:
        """Return what was made, if it ever was; the next who asks has it made anew."""
        with self._lock:
            made, self._made = self._made, None
        return made
