"""Values become tables, pages and sentences."""
