"""The web door: the only place that knows Flask."""
