"""Tests of the qualitative figure."""
