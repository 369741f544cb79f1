"""What the bridge says about its work: log, metrics, alerts, result webhooks."""
