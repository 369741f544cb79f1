"""Bulk work beside delivering: replay, discard, import, export, compare, erase.

`bridge.outbox.job_queue` keeps the jobs. Here is what each kind takes, and how it goes on step by step.
"""
