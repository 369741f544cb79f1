"""Meta's rules as data: the files of `schemas/`, read once into one frozen value."""
