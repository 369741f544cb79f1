"""Watching the bridge at work: log, metrics, alerts to people, results to other systems."""
