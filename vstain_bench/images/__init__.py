"""The one place where a file becomes float32 RGB in [0, 1]."""
