"""Seeds that depend on what they are for, never on the order of the work."""

import hashlib


def seed_of(*parts: object) -> int:
    """Return a seed that depends on these values alone, never on the order of the work."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
