"""Recordings: files of JSON lines, written while the probe runs, or of the last minutes after the fact."""
