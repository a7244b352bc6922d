"""The lab: simulated attacks, calibration, evaluation. Nothing here runs during a review or a call."""
