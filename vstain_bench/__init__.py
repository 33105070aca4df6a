"""vstain-bench: how virtual staining is measured."""

__version__ = "0.1.0"
