"""The report as a page that people look at: one file that needs no network, and its pictures alone."""
