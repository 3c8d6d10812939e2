"""Processes that make every step together: each has its own windows, and all apply the sum of their gradients.  On a
CPU two processes of one thread process more tokens than one process of two threads, because work outside large matrix
products is shared as well."""
import os
import pathlib
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as processes


class Group:
    """Process `rank` of `size`; `meeting` is the path of a file that does not exist yet, through which they connect."""

    def __init__(self, rank=0, size=1, meeting=None):
        self.rank, self.size = rank, size
        if size > 1:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")       # all of them live on this machine
            dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)

    def sum(self, tensors, *numbers):
        """Sums the tensors (float32) over the processes, in place; returns the sums of the numbers.

        Every process gets the same bits, and waits here for the others."""
        if self.size == 1:
            return numbers
        flat = torch.cat([t.flatten() for t in tensors] + [torch.tensor(numbers, dtype=torch.float32)])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors] + [len(numbers)])):
            tensor.copy_(part.view_as(tensor))
        return flat[len(flat) - len(numbers):].tolist()


def start(size, work, *arguments):
    """work(group, *arguments) in `size` processes, of which this one is rank 0; returns when all are done.

    A process that fails ends the others: their next sum fails."""
    if size == 1:
        work(Group(), *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = pathlib.Path(folder) / "meeting"
        context = processes.get_context("spawn")
        others = [context.Process(target=join, args=(rank, size, meeting, work, arguments), daemon=True)
                  for rank in range(1, size)]
        for other in others:
            other.start()
        join(0, size, meeting, work, arguments)
        for other in others:
            other.join()


def join(rank, size, meeting, work, arguments):
    work(Group(rank, size, meeting), *arguments)
    dist.destroy_process_group()
