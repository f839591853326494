"""The one place where torchvision is imported: late, and beside any build of torch."""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType
from typing import Any

from house.errors import UserError

# A torchvision whose compiled operators do not load beside this torch (built for CUDA, say)
# registers shape rules for these two all the same, and stops because they do not exist. Their
# schemas are all that models need.
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A library that is garbage collected takes its schemas away.
_libraries: list[Any] = []


@functools.cache
def torchvision_models() -> ModuleType:
    """Import ``torchvision.models``.

    Raises
    ------
    UserError
        If torchvision is not installed, or does not fit the torch beside it.
    """
    try:
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as error:
            # Loading is torchvision's own affair and tried first: a schema declared before
            # operators that do load would collide with theirs.
            if "torchvision::nms" not in str(error):
                raise
            _forget_half_imported()
            _declare_schemas()
            return importlib.import_module("torchvision.models")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise UserError(
            "this needs torchvision, which is not installed",
            remedy='Install it with: pip install "exemplary-lab[torchvision]"',
        ) from None
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        import torch

        raise UserError(
            f"torchvision does not work beside torch {torch.__version__} ({error})",
            remedy="Install the torchvision that belongs to this torch, such as 0.28.0 for 2.13.0.",
        ) from error


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def _declare_schemas() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
