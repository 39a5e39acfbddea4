"""The published U-Net, in 2D and 3D."""
