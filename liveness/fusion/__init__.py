"""From evidence to a verdict: calibrated curves, posterior, coverage, states."""
