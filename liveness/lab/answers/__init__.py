"""Answers to challenges, simulated over real clips: what genuine and forged ones score."""
