"""Networks: compiled and exported graphs agree with the network itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from segkit.engine.quiet import quiet
from segkit.testing.causes import root_cause, told
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.tensors import difference, times

if TYPE_CHECKING:
    import torch

GRAPH = 1e-3
"""Largest difference as a share of the largest logit."""
Call = Callable[["torch.Tensor"], "torch.Tensor"]


def compare(subject: ArchitectureSubject, graph: Call, images: torch.Tensor, format: str, level: str) -> None:
    """Fail where a graph does not give what the network gives."""
    mend = "keep sizes that depend on the image symbolic (x.shape, no int(), no loops over sides)"
    if level == "dynamic":
        mend += f", or declare export={{{format!r}: 'static: <reason>'}}"
    try:
        found = graph(images)
    except Exception as error:
        fail(f"at {times(images.shape)} the graph raised {told(root_cause(error))}", mend)
    apart = difference(subject.logits(subject.network, images), found)
    if apart > GRAPH:
        fail(f"at {times(images.shape)} the graph's logits differ by {apart:.2g} of the largest", mend)


def trace(subject: ArchitectureSubject, format: str, make: Callable[..., Call]) -> None:
    """Check an export format, in the fewest dims that the network is for: the others take as long and differ little."""
    if subject.dims != min(subject.component.spatial_dims):
        raise NotChecked(f"done in {min(subject.component.spatial_dims)}D")
    export_and_compare(subject, format, make)


def export_and_compare(subject: ArchitectureSubject, format: str, make: Callable[..., Call]) -> None:
    """Export at one size and compare at it and, where the graph is dynamic, at two others."""
    level, _, reason = subject.component.export.get(format, "dynamic").partition(": ")
    if level == "none":
        raise NotChecked(f"it declares that there is no such graph: {reason}")
    images = subject.images()
    try:
        with quiet():
            graph = make(subject, images, dynamic=level == "dynamic")
    except NotChecked:
        raise
    except Exception as error:
        fail(
            f"the export raised {told(root_cause(error))}",
            "write that line with what torch can trace: no if or loop over values of a tensor, no numpy, no .item(); "
            f"where only the size must be fixed, declare export={{{format!r}: 'static: <reason>'}}",
        )
    compare(subject, graph, images, format, level)
    if level != "dynamic":
        return
    steps = [subject.multiple] * subject.dims
    compare(subject, graph, subject.images(3, tuple(map(sum, zip(subject.size, steps, strict=True)))), format, level)
    compare(subject, graph, subject.images(1, tuple(reversed(subject.size))), format, level)


def symbols(subject: ArchitectureSubject, dynamic: bool) -> Any:
    """What may vary of the images: batch and sides, as far as the network lets them."""
    import torch

    if not dynamic:
        return None
    return ({0: torch.export.Dim.AUTO, **dict.fromkeys(range(2, 2 + subject.dims), torch.export.Dim.AUTO)},)


def exported(subject: ArchitectureSubject, images: torch.Tensor, *, dynamic: bool) -> Call:
    """Return the graph of torch.export."""
    import torch

    program = torch.export.export(subject.network, (images,), dynamic_shapes=symbols(subject, dynamic))
    module = program.module()

    def call(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            logits: torch.Tensor = module(images)
        return logits

    return call


def onnx_session(subject: ArchitectureSubject, images: torch.Tensor, *, dynamic: bool) -> Call:
    """Return the ONNX graph, run by onnxruntime."""
    try:
        import onnxruntime  # type: ignore[import-untyped,unused-ignore]
        import onnxscript  # noqa: F401 - what torch writes ONNX with
    except ImportError as error:
        raise NotChecked(f"{error.name} is not installed: pip install onnx onnxruntime onnxscript") from None
    import torch

    program = torch.onnx.export(
        subject.network, (images,), dynamo=True, dynamic_shapes=symbols(subject, dynamic), verbose=False, optimize=True
    )
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])


@check("arch", "torch-export", needs=["deterministic"])
def torch_export(subject: ArchitectureSubject) -> None:
    """The graph of torch.export agrees with the network, at two other sizes too unless it is declared static."""
    trace(subject, "torch-export", exported)


@check("arch", "onnx", needs=["deterministic"])
def onnx(subject: ArchitectureSubject) -> None:
    """The ONNX graph in onnxruntime agrees with the network, at two other sizes too unless it is declared static."""
    trace(subject, "onnx", onnx_session)


def compiled(subject: ArchitectureSubject, backend: str) -> None:
    """Compare what torch.compile makes of the network."""
    import torch

    if subject.dims != min(subject.component.spatial_dims):
        raise NotChecked(f"done in {min(subject.component.spatial_dims)}D")
    torch.compiler.reset()
    try:
        with quiet():
            model = torch.compile(subject.network, backend=backend, dynamic=False)
            found = subject.logits(model, subject.images())
    finally:
        torch.compiler.reset()
    apart = difference(subject.reference, found)
    if apart > GRAPH:
        fail(f"logits differ by {apart:.2g} of the largest", "let forward do the same whether compiled or not")


@check("arch", "compile", needs=["deterministic"])
def compile_eagerly(subject: ArchitectureSubject) -> None:
    """Compiled by torch.compile (backend aot_eager) it gives the same logits."""
    compiled(subject, "aot_eager")


@check("arch", "compile-inductor", needs=["deterministic"], full=True)
def compile_with_inductor(subject: ArchitectureSubject) -> None:
    """Compiled by torch.compile (backend inductor) it gives the same logits."""
    if not any(map(shutil.which, (os.environ.get("CXX") or "g++", "g++", "clang++"))):
        raise NotChecked("inductor writes C++ and there is no compiler: install g++")
    compiled(subject, "inductor")
