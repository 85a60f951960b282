"""Work in other processes: watched, stopped, its results kept."""
