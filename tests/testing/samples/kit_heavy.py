"""Declares nothing wrong, but imports torch to do so."""

import torch

VERSION = torch.__version__
