"""Running the bridge day by day: the delivery process, its reports, alerts to people, results to systems."""
