"""Help for people who write mappings: first drafts, tests, and what a change would change.

Nothing that a live webhook passes imports this package.
"""
