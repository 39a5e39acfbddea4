"""Metrics: Dice and IoU with stated conventions."""
