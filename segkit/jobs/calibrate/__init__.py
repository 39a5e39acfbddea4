"""`segkit calibrate`: probabilities that are right as often as they say, and what a case's mask can be trusted for."""
