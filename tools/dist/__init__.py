"""What is handed to people: a single file, a Debian package, a wheel and its sources; the same bytes each time."""
