"""What can go wrong, as few kinds as a caller has to tell apart.

Every message says what was expected, what came, and what to do about it.
"""


class LivenessError(Exception):
    """Root of all errors that this package raises on purpose."""


class MediaError(LivenessError):
    """A recording cannot be read: missing, empty, damaged, or without a video stream."""


class ManifestError(LivenessError):
    """A manifest of labelled clips is malformed or names files that are not there."""


class CalibrationError(LivenessError):
    """Calibration data are missing, damaged, or do not fit the signals of this version."""


class ConfigError(LivenessError):
    """A setting is outside its allowed range or names something that does not exist."""


class ModelError(LivenessError):
    """A network is missing, damaged, or not the one that was measured."""
