"""From a mapping file to compiled readers: runs once, when a file is loaded."""
