"""HTML pages: one frame, one file each."""
