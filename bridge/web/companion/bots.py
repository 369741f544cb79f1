"""Which user agents are programs that look at pages, and no visitors.

Only programs that run the scripts of a page come here: search engines, previews, tests of speed. They name
themselves; one that wants to be taken for a visitor is taken for one. The words are the usual ones (compare
https://github.com/omrilotan/isbot, which also knows that Cubot makes phones).
"""

from __future__ import annotations

import re

_BOT = re.compile(
    r"(?<!cu)bots?(?![a-z])|crawl|spider|headless|lighthouse|pagespeed|preview|phantomjs|pingdom|statuscake"
    r"|externalhit|mediapartners|inspectiontool|read-aloud|synthetic|wappalyzer|archiver|ptst/|cypress/"
)


def is_bot(user_agent: str) -> bool:
    """Return whether a request comes from a program; one without a user agent does."""
    return not user_agent or _BOT.search(user_agent.lower()) is not None
