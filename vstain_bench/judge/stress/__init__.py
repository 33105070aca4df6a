"""Sweeps of perturbations over real tiles, and what they say of each metric."""
