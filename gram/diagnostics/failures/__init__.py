"""Single failed queries: their causes, their comparison, their remedies."""
