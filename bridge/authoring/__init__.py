"""Help for people who write mappings: guesses, first drafts, checks, tests, differences, the reference page.

Everything here looks at the road from the side: it calls the steps, and no step calls it.
"""
