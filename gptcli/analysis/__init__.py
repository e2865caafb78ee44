"""Pure functions from a described network to a report."""
