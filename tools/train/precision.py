"""Chooses bf16 or fp32 for a trainer's matrix products, whichever is faster on this processor.

Processors with AMX or AVX-512 BF16 multiply in bf16 up to three times as fast as in fp32; others convert every number
first and are a hundred times slower.  So every trainer measures a step of its own network.
"""
import time

CHOICES = ("bf16", "fp32")
HOPELESS = 4            # times slower in a small product: the network is not tried


def add_option(parser):
    parser.add_argument("--precision", choices=("auto", *CHOICES), default="auto",
                        help="precision of matrix products; auto (default): the faster one, measured at the start")


def dtype_of(precision):
    import torch        # in the functions that compute: what is chosen from times needs none

    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def autocast(precision):
    """The context in which a network computes with this precision; its weights stay fp32."""
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")


def small_product(precision):
    import torch

    x = torch.ones(256, 256, dtype=dtype_of(precision))
    x @ x


def seconds(work, precision, tries=3):
    """The shortest of some calls of work(precision), after one that prepares (memory, kernels for the shapes)."""
    work(precision)
    times = []
    for _ in range(tries):
        began = time.perf_counter()
        work(precision)
        times.append(time.perf_counter() - began)
    return min(times)


def choose(asked, step, measure=seconds, say=print):
    """"bf16" or "fp32": the requested one or, for "auto", the faster one. step(precision) is a real training step of
    the network on few samples, forward and back.  If bf16 is far too slow in a product of a millisecond, the step is
    not tried with it, because it could take minutes.
    """
    if asked != "auto":
        return asked
    for what, work in (("a small product", small_product), ("a step of the network", step)):
        took = {precision: measure(work, precision) for precision in CHOICES}
        if work is step or took["bf16"] > HOPELESS * took["fp32"]:
            break
    faster = min(CHOICES, key=took.get)
    say(f"precision {faster}: {what} takes {1e3 * took['bf16']:.3g} ms in bf16, {1e3 * took['fp32']:.3g} ms in fp32",
        flush=True)
    return faster
