"""What a slow disk is compared with: the same server, but every webhook gets its own commit.

`python -m benchmarks.one_commit_each serve …` takes the arguments of `capi-bridge`. The only difference is
how many waiting webhooks one transaction may take.
"""

from __future__ import annotations

from bridge.cli import main
from bridge.outbox.group_commit import CommitQueue

LARGEST = 1
CHANGED = {"largest": LARGEST}

if __name__ == "__main__":
    CommitQueue.__init__.__kwdefaults__.update(CHANGED)
    main()
