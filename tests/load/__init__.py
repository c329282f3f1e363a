"""Load over a long time: saturation, then a share of it for as long as one likes; processes and members compared."""
