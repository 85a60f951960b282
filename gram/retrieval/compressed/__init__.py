"""Exact search of many items by bounds on byte-quantised vectors."""
