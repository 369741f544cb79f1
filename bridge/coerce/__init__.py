"""People's texts to values: numbers, dates, durations, sizes, emptiness; one reading for everybody."""
