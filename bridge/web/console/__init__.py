"""The console: pages for people who do not use a shell. One module a screen."""
