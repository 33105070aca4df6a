"""Training: any recipe, on pairs of tiles, resumable at every step. ``job.train`` is the one way in."""
