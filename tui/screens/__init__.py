"""What opens on top of the table."""
