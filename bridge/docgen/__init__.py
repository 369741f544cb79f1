"""Documentation and schemas made from our own tables: `make docs`. Not in the wheel."""
