"""The network."""

from torch import nn

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}


class OldArch(nn.Module):
    """Images (N, C, *S) to logits (N, K, *S)."""

    # Replace by your network: any *S from size_minimum up, one tensor in eval mode.
    size_minimum = 1
    size_multiple = 1

    def __init__(self, in_channels, out_channels, spatial_dims, width):
        super().__init__()
        convolution = CONVOLUTION[spatial_dims]
        layers = []
        for channels, dilation in ((in_channels, 1), (width, 2), (width, 4)):
            layers.append(convolution(channels, width, 3, padding=dilation, dilation=dilation))
            layers += [nn.GroupNorm(1, width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = convolution(width, out_channels, 1)

    def forward(self, x):
        """Return logits on the image's grid."""
        return self.head(self.features(x))


def build(task, params):
    """Build the network for a task: read in_channels, out_channels and spatial_dims, and your params."""
    return OldArch(task.in_channels, task.out_channels, task.spatial_dims, params.width)
