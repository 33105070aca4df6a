"""Models against a reference on the same tiles: what differs, by how much, and what chance leaves open."""
