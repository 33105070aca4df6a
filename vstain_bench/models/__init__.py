"""What a model is, and the jobs that train it and run it."""
