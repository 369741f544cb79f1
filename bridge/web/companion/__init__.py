"""The browser companion: the script that the pages of a website load, and the endpoint for their reports."""
