"""Faces: landmarks, tracking, other people in the picture. The only importer of mediapipe."""
