"""What stands around one call to Meta: carrying a claim, heeding limits, pausing destinations, reporting."""
