"""Configs of the toy dataset."""
