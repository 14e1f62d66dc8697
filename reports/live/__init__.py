"""`joules live`: a running session as it goes on, in the terminal or as a page."""
