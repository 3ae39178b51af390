"""The helper's own side: frames, and what is run on request."""
