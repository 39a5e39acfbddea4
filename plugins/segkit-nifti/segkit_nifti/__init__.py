"""NIfTI volumes for segkit's dataset plugins: read, oriented, checked, and written on the reference's grid."""

__version__ = "0.1.0"
