"""Orders of growth at infinity and next to a spike."""
