"""Energy of a query and of a fleet, bottom-up, where nobody can measure."""
