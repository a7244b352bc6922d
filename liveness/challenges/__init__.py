"""Challenges: one file each; what is asked, and how the answer is scored."""
