"""The parts of a build as tasks of a Ray cluster, on one machine or many."""
