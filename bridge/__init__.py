"""capi-bridge: from a webhook to Meta's Conversions API, correct, matched, once."""

__version__ = "0.1.0"
