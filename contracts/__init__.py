"""The language: what can be said on Punchcard's topics, and by whom."""
