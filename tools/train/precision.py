"""Which arithmetic a trainer's matrix products use: bf16 or fp32, whichever this processor is faster with.

Processors with AMX or AVX-512 BF16 multiply in bf16 up to three times as fast as in fp32; those without convert every
number first and are a hundred times slower.  So nothing is assumed: every trainer measures a step of its own network.
"""
import time

CHOICES = ("bf16", "fp32")
HOPELESS = 4            # times slower in a small product: the network is not tried


def add_option(parser):
    parser.add_argument("--precision", choices=("auto", *CHOICES), default="auto",
                        help="of matrix products; auto: measured at the start, the faster one (default)")


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
    """"bf16" or "fp32": what was asked for or, for "auto", the faster one.

    step(precision) is a training step of the network as it will be run, on few samples, forward and back.  Where
    bf16 is hopeless in a product of a millisecond it is not called at all: a step could take minutes there.
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
