"""Tells whether the face in a video interview is a live person in front of a camera, and why."""

__version__ = "0.1.0"
