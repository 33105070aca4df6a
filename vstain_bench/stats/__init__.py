"""Intervals over patients."""
