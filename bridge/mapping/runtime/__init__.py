"""What runs for every webhook: paths, scopes, fields and events of a compiled mapping."""
