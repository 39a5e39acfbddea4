"""New plugin packages from templates: what `segkit new` writes."""

from segkit.scaffold.package import KINDS, Package, make_package, write_package

__all__ = ["KINDS", "Package", "make_package", "write_package"]
