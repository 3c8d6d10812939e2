"""Shared by the tests of trainers and converters: tools/test counts tests that need PyTorch by this skip reason."""
import importlib.util
import unittest

try:
    import torch
except ImportError:
    torch = None

needs_torch = unittest.skipUnless(torch, "PyTorch is not installed (tools/train/requirements.txt)")


def needs_training(test):
    """A run of a trainer computes with PyTorch and draws its curve with matplotlib."""
    has_curve = importlib.util.find_spec("matplotlib") is not None
    return needs_torch(unittest.skipUnless(has_curve, "matplotlib is not installed (tools/train/requirements.txt)")(test))
