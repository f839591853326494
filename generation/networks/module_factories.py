"""Networks of a user's own: ``package.module:factory`` builds one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, cast

from torch import nn

from generation.networks.torchvision_models import torchvision_models
from house.errors import UserError
from house.names import nearest

_FORM = 'Write it as "package.module:factory", for instance "torchvision.models:resnet50".'


def load_factory(reference: str) -> Callable[[], nn.Module]:
    """Find a callable that builds a network without arguments.

    Parameters
    ----------
    reference : str
        ``package.module:factory``; the module must be importable (installed, or in the working
        directory). Its code is run, so name only what you trust.

    Returns
    -------
    callable
        Builds the module; a `UserError` where building fails or gives anything but a module.

    Raises
    ------
    UserError
        If the reference has another form, or the module or the factory does not exist.
    """
    factory = find_callable(reference, _FORM)

    def build() -> nn.Module:
        return _build(factory, reference)

    return build


def find_callable(reference: str, form: str, what: str = "factory") -> Callable[..., Any]:
    """Import what ``package.module:name`` says.

    Parameters
    ----------
    reference : str
    form : str
        A sentence that says how such a reference is written.
    what : str
        The word for such a thing in messages.

    Raises
    ------
    UserError
        If the reference has another form, the module or the name does not exist, or it cannot be
        called.
    """
    module_name, colon, attribute = reference.partition(":")
    if not colon or not module_name or not attribute or module_name.startswith("."):
        raise UserError(f'"{reference}" names no {what}', remedy=form)
    if module_name.partition(".")[0] == "torchvision":
        torchvision_models()
    module = _import(module_name, reference)
    try:
        found = getattr(module, attribute)
    except AttributeError:
        guess = nearest(attribute, [name for name in dir(module) if not name.startswith("_")])
        raise UserError(
            f'{module_name} has no "{attribute}"', where=reference, remedy=guess or None
        ) from None
    if not callable(found):
        raise UserError(
            f"{attribute} is no function or class but {type(found).__name__}",
            where=reference,
            remedy=form,
        )
    return cast(Callable[..., Any], found)


def _import(name: str, reference: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise UserError(
                f'there is no Python module "{name}"',
                where=reference,
                remedy="Install it, or start from the folder that holds it.",
            ) from error
        raise UserError(
            f'the module {name} needs "{missing}", which is not installed', where=reference
        ) from error
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the module {name} cannot be imported ({type(error).__name__}: {error})",
            where=reference,
        ) from error


def _build(factory: Callable[[], Any], reference: str) -> nn.Module:
    try:
        built = factory()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the network cannot be built ({type(error).__name__}: {error})",
            where=reference,
            remedy="The factory is called without arguments.",
        ) from error
    if not isinstance(built, nn.Module):
        raise UserError(
            f"this builds no torch.nn.Module but {type(built).__name__}", where=reference
        )
    return built
