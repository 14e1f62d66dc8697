"""`joules compare`: saved runs side by side, and what is printed of that."""
