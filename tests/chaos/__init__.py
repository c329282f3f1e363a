"""The kill soak: real processes under load, killed and frozen by a seeded schedule, and judged from what they left."""
