"""How the verdict of a gate is shown."""
