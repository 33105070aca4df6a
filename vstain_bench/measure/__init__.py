"""The pass: inputs to rows, rows to a table."""
