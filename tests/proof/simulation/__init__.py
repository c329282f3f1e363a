"""The simulation: the real runtime and the real workers on a simulated Kafka, MongoDB and clock, all from one seed."""
