"""Simulated answers to challenges, honest and forged, and what the challenges make of them."""
