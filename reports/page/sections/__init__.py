"""One file per question of the page: cases in, a Section out, or None where the data do not answer it."""
