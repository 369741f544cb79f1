"""The comparator of `fsync`: the same server, but every webhook gets a commit of its own.

`python -m benchmarks.one_commit_each serve …` takes the arguments of `capi-bridge`. The only difference is how many
waiting webhooks one transaction may take.
"""

from __future__ import annotations

from bridge.cli import main
from bridge.outbox import group

group.GroupCommit.__init__.__kwdefaults__["largest"] = 1
main()
