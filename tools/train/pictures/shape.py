"""The shape of a picture network, as stored in a file; needs no PyTorch."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
    width: int = 28
    height: int = 28
    channels: int = 1
    patch: int = 2                      # space-to-depth at the entrance, depth-to-space at the exit
    widths: tuple = (64, 128)           # channels of the levels, from fine to coarse
    blocks: int = 1                     # of a level on the way down
    up_blocks: int = 1                  # of a level on the way up
    attention: tuple = (1,)             # levels with attention after each block
    heads: int = 4
    groups: int = 8                     # of every GroupNorm
    eps: float = 1e-5
    sinusoids: int = 64                 # length of the time embedding
    embedding: int = 128                # what the blocks see
    labels: int = 10                    # 0: a network without labels
