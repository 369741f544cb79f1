"""The first step of the pipeline: who sent this, by a few named schemes that a mapping fills in.

Every scheme compares in constant time, works on the bytes as they came, and fails closed: what is
missing, cut, shifted or oddly encoded is simply wrong. The reason goes into the exception's message,
for the log; senders only ever see a plain 401.
"""

from bridge.verify.handshake import handshake_answer
from bridge.verify.schemes import verify
from bridge.verify.sign import signed

__all__ = ["handshake_answer", "signed", "verify"]
