"""The "predict, then look" questions."""
