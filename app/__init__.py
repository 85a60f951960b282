"""The Gram explorer: a Streamlit front end over the gram library."""
