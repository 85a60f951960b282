"""The parts of the Failures page, from what is asked for to what is taken away."""
