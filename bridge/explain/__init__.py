"""Why each field of an event is what it is: recorded on the way, put together, shown without the person."""
