"""Lets `python -m bridge` do what `capi-bridge` does."""

from bridge.cli import main

if __name__ == "__main__":
    main()
