"""What the bundled models have in common: networks, losses, and how one training step goes."""
