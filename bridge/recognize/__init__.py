"""What the fields of an unknown webhook are: by their names, their values, and whose they are."""
