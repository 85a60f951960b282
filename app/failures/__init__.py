"""The parts of the Failures page: what is asked for, its columns, board, list, one case, patterns, remedies, exports."""
