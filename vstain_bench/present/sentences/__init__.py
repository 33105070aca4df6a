"""What is said, once per subject."""
