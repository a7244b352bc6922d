"""Review of a recording: path -> verdicts, and the HTML report."""
