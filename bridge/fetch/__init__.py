"""Reading records that a webhook only names: one safe, patient, sparing client for each source."""
