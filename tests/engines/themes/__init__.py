"""The corpus, one module for each thing that a certificate can be wrong about."""
