"""What is selected, for this session and in the address."""
