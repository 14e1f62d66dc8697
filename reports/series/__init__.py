"""A metric from run to run: where its level changed, between which commits, and how sure that is.

command        what is asked ─► the answer
gather         rows of the index ─► one series per case, board and method
change_points  where a level changed
stretches      levels and drifts between them, and the runs that stand out
examine        a series with all of that
answer         the same as records, with commits and environments in words
page, plot     for a terminal, as a picture
"""
