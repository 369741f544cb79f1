"""Files as senders: every row of a CSV or JSON-lines file goes down the same road as a webhook."""
