"""PyTorch where it is installed, and the mark of the tests that compute with it: tools/test counts those that wait."""
import unittest

try:
    import torch
except ImportError:
    torch = None

needs_torch = unittest.skipUnless(torch, "PyTorch is not installed (tools/train/requirements.txt)")
