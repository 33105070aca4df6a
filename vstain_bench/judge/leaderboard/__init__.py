"""Runs side by side with published tables: what compares is ranked, what does not is kept apart."""
