"""From a draft to an event: values read, cleaned and hashed by the rules of `schemas/meta/user_data.yaml`."""

from bridge.normalize.event import normalize
from bridge.normalize.single_value import Normalized, normalize_value

__all__ = ["Normalized", "normalize", "normalize_value"]
