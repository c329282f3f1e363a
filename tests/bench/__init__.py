"""`make bench`: our loop, the usual way and the bare pipe side by side on the same servers, and latency."""
