"""Energy of an architecture or a board that nobody has measured: predicted, never measured, and always said to be so."""
