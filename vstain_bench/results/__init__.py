"""The table, its rows, and the folder they are kept in."""
