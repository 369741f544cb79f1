"""The API behind the admin token, and the dry run: what the console shows and does, for programs."""
