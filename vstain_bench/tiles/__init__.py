"""Files become tiles, tiles become batches."""
