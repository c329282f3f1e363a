"""Bad input: mutated messages at every topic and every door, and proof that each of them is accounted for."""
