"""Sending to Meta: claim, send, classify the response, settle, retry, pause, report."""
