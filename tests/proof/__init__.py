"""The proof: a checker that judges histories of runs, a simulation that makes them, and mutants that test both."""
