"""Cached loading of sets and of what is computed of them; the only place with Streamlit's caches."""
