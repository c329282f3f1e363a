"""Security: who may do what, what must never be seen, and what connections are trusted."""
