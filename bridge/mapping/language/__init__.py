"""The mapping language itself: its grammar as a table, and how YAML nodes are read by it."""
