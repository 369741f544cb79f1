"""The endpoint that stands in for Meta's own, so that an SDK only needs another address."""
