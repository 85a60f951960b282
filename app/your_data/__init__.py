"""The page Your data in parts."""
