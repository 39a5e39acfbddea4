"""A plan made of the training data and of steps measured on the device: what fits, how long it takes, and why."""
