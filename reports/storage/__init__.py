"""`joules storage`: what is saved where, and which of it may go."""
