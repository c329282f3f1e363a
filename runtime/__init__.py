"""The machine: runs decisions in batches, exactly once in effect; it has never heard of loyalty."""
