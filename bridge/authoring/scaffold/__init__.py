"""A new mapping from a sample webhook, from nothing, or like one that exists."""
