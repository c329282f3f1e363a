"""A stand-in for an SMS provider, for development: it takes texts over HTTP and shows them instead of sending them."""
