"""How a leaderboard is shown."""
