"""What several signals and challenges share."""
