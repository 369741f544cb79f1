"""Bulk work that the delivery process does beside delivering: replay, discard, import, export, compare.

`bridge.outbox.job_queue` keeps the jobs. Here is what each kind takes, and how it goes on step by step.
"""
