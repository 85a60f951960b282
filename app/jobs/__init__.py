"""Work in other processes and threads: watched, stopped, its results kept."""
