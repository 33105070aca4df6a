"""What the bundled models have in common: networks and losses."""
