"""Why joules changed, and what that costs."""
