"""Losses: cross entropy, Dice and sums of them."""
