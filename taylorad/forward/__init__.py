"""Forward modes: arithmetic of truncated polynomials, all by one recurrence."""
