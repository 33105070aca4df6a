"""A run against its baseline: which numbers got worse, which cannot be compared, and how that is told to a CI."""
