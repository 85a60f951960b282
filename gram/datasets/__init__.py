"""Data sets that ship with the library."""
