"""The U-Net++."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from segkit import Outputs, SegkitError, Task, UsageError
from segkit.padding import crop, pad_to_multiple
from segkit_unet.blocks import CONVOLUTION, POOLING, DoubleConvolution, UpBlock, initialize
from segkit_unetpp.params import UNetPlusPlusParams


class UNetPlusPlus(nn.Module):
    """The U-Net++ of Zhou, Siddiquee, Tajbakhsh and Liang (2018, 2020), with zero-padded convolutions.

    `columns[j][i]` is the paper's node X(i,j) on the grid of level i, 0 the finest: column 0 is the contracting path,
    and X(i,j) merges all of X(i,0) to X(i,j-1) with X(i+1,j-1), up-sampled. `heads[str(j)]` reads X(0,j).

    Attributes:
        depth: number of poolings.
        loss_weights: one per head, X(0,1) first.
        prune_level: j of the head that gives the logits in eval mode, with only the nodes it needs computed;
            None for the mean of all heads' logits.
        size_multiple: sides that are multiples of it need no padding inside.
        size_minimum: smallest side; the deepest node then has two cells a side, and something to normalise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_dims: int,
        *,
        width: int = 32,
        depth: int = 4,
        norm: str = "none",
        deep_supervision: bool = True,
        loss_weights: tuple[float, ...] = (1.0,),
        prune_level: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.spatial_dims = in_channels, out_channels, spatial_dims
        self.width, self.depth, self.norm = width, depth, norm
        self.size_multiple = 2**depth
        self.size_minimum = 2 * self.size_multiple
        widths = [width * 2**level for level in range(depth + 1)]
        contracting = nn.ModuleList(
            DoubleConvolution(spatial_dims, before, after, norm)
            for before, after in zip([in_channels, *widths], widths, strict=False)
        )
        nested = [
            nn.ModuleList(
                UpBlock(spatial_dims, widths[level + 1], widths[level], norm, skips=column)
                for level in range(depth - column + 1)
            )
            for column in range(1, depth + 1)
        ]
        self.columns = nn.ModuleList([contracting, *nested])
        self.pool = POOLING[spatial_dims](2)
        # Names for explanations that stay whatever the depth and however much is pruned.
        self.middle = nn.Identity()
        self.last = nn.Identity()
        supervised = range(1, depth + 1) if deep_supervision else [depth]
        self.heads = nn.ModuleDict(
            {str(column): CONVOLUTION[spatial_dims](width, out_channels, 1) for column in supervised}
        )
        self.loss_weights = loss_weights * len(self.heads) if len(loss_weights) == 1 else loss_weights
        self.prune_level = prune_level
        self.apply(initialize)

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        """Return logits (N, K, *S) of images (N, C, *S); raises SegkitError where a side is too small.

        In train mode with deep supervision these are all heads' logits with their weights, the last column's first.
        """
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"U-Net++: an image of {'x'.join(map(str, size))} is too small for depth {self.depth}",
                f"give at least {self.size_minimum} along each side, or lower arch.depth",
            )
        fast = None if self.training else self.prune_level
        levels = fast or self.depth
        padded = pad_to_multiple(x, 2**levels)
        maps = self.finest_maps(padded, levels)
        wanted = [levels] if fast else [int(column) for column in self.heads]
        logits = [self.heads[str(column)](maps[column]) for column in wanted]
        if padded is not x:
            logits = [crop(one, size) for one in logits]
        if self.training and len(logits) > 1:
            return Outputs(logits[::-1], self.loss_weights[::-1])
        return logits[0] if len(logits) == 1 else torch.stack(logits).mean(dim=0)

    def finest_maps(self, x: torch.Tensor, levels: int) -> list[torch.Tensor]:
        """Return X(0,0) to X(0,levels), (N, width, *S), of images whose sides are multiples of 2**levels.

        Only the nodes X(i,j) with i + j <= levels are computed.
        """
        rows: list[list[torch.Tensor]] = []
        for level in range(levels + 1):
            x = self.node(level, 0)(x if level == 0 else self.pool(x))
            rows.append([x])
        rows[levels][0] = self.middle(rows[levels][0])
        for column in range(1, levels + 1):
            for level in range(levels - column + 1):
                rows[level].append(self.node(level, column)(rows[level + 1][column - 1], *rows[level]))
        rows[0][levels] = self.last(rows[0][levels])
        return rows[0]

    def node(self, level: int, column: int) -> nn.Module:
        """Return X(level,column)."""
        return cast(nn.ModuleList, self.columns[column])[level]

    def pruned(self, level: int) -> UNetPlusPlus:
        """Return the network of the nodes that head X(0,level) needs alone, in eval mode; the weights are shared.

        It is a U-Net++ of that depth with one head: what to export for `fast` inference.

        Raises:
            UsageError: there is no head on X(0,level).
        """
        check_head(level, self.heads)
        with torch.device("meta"):
            small = UNetPlusPlus(
                self.in_channels,
                self.out_channels,
                self.spatial_dims,
                width=self.width,
                depth=level,
                norm=self.norm,
                deep_supervision=False,
            )
        state = self.state_dict()
        small.load_state_dict({name: state[name] for name in small.state_dict()}, assign=True)
        return small.eval()


def check_head(level: int, heads: nn.ModuleDict) -> None:
    """Raise UsageError unless a column has a head."""
    if str(level) not in heads:
        raise UsageError(
            f"arch.prune_level={level}: there is no head on X0,{level}",
            f"heads are on X0,j with j = {', '.join(heads)} (see arch.depth and arch.deep_supervision)",
        )


def build(task: Task, params: UNetPlusPlusParams) -> UNetPlusPlus:
    """Return a U-Net++ for a task; raises UsageError where params contradict each other."""
    heads = params.depth if params.deep_supervision else 1
    if len(params.loss_weights) not in (1, heads):
        raise UsageError(
            f"arch.loss_weights has {len(params.loss_weights)} numbers, there are {heads} heads",
            "give one, or one each",
        )
    if params.inference == "accurate" and params.prune_level is not None:
        raise UsageError(
            f"arch.prune_level={params.prune_level} needs arch.inference=fast", "set it, or leave out arch.prune_level"
        )
    fast = params.inference == "fast"
    model = UNetPlusPlus(
        task.in_channels,
        task.out_channels,
        task.spatial_dims,
        width=params.width,
        depth=params.depth,
        norm=params.norm,
        deep_supervision=params.deep_supervision,
        loss_weights=params.loss_weights,
        prune_level=(params.prune_level or params.depth) if fast else None,
    )
    if model.prune_level is not None:
        check_head(model.prune_level, model.heads)
    return model
