"""Images as training sees them: decoded once, split, cached and described."""
