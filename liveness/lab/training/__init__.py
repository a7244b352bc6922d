"""Training of the models that ship with the package. Torch is an extra and is imported by what trains alone."""
