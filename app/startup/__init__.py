"""What makes the app start sooner: imports in the background, and what a page gets before Streamlit draws."""
