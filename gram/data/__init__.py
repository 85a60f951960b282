"""Sets of items in memory and on disk, and the files that they are read from."""
