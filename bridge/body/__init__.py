"""From the bytes of a verified request to plain data, within limits."""
