"""Training data and embeddings of the spoken numbers."""
