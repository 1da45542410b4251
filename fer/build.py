"""Builds the object that a config mapping names in `_target_`.

A node is a plain mapping: `_target_` is the import path of a class or function, the other keys are its arguments.
Nothing in it is interpreted: a string with `${…}` stays a string. Values that follow from the data or the run, such as
`num_classes`, are *offered*: a callable receives those that its signature names. So `torch.nn.CrossEntropyLoss`,
`torchvision.models.resnet18` or a function in your own module work as they are.

`build` trusts the node. What comes out of a file is checked by `fer.trust` first.
"""

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fer import compat
from fer.errors import UserError

TARGET = "_target_"
RECURSIVE = "_recursive_"
POSITIONAL = "_args_"
HYDRA_ONLY = ("_convert_", "_partial_", RECURSIVE, POSITIONAL)
"""Keys that control Hydra's `instantiate`. They are not arguments."""

ALIASES = {
    "num_classes": ("num_classes", "n_classes", "classes"),
    "in_channels": ("in_channels", "in_chans"),
    "total_steps": ("total_steps", "num_training_steps"),
}
"""Offered value -> the parameters that may receive it; the first one in the signature does."""

MISTAKES = (TypeError, NameError, AttributeError, LookupError, AssertionError, SyntaxError, ImportError)
"""Errors whose message alone does not tell what to change."""

Parameters = Mapping[str, inspect.Parameter]


class BuildError(UserError):
    """A part that cannot be built."""


def build(node: Mapping[str, Any], *args: Any, where: str = "", into_kwargs: Sequence[str] = (), **offered: Any) -> Any:
    """Builds what `node["_target_"]` names.

    node: plain containers; nested nodes are built first, unless the node says `_recursive_: false`. args: positional
    arguments. offered: passed where the signature names them (see ALIASES) and the node leaves them out or null;
    nested nodes are offered them as well. into_kwargs: names of offered values that a callable with `**kwargs` receives
    even if its signature does not name them. where: the option that holds the node, for messages.
    Raises BuildError with one line for a target that does not exist, for wrong arguments and for whatever the callable
    raises.
    """
    target = target_of(node, where)
    call = resolve(target, where)
    parameters = signature_of(call)
    own = {str(key): value for key, value in node.items() if key != TARGET and key not in HYDRA_ONLY}
    if node.get(RECURSIVE, True):
        own = {key: nested(value, f"{where}.{key}".lstrip("."), offered) for key, value in own.items()}
    arguments = own | accepted(parameters, own, offered, into_kwargs)
    args = (*args, *node.get(POSITIONAL, ()))
    check_arguments(call, target, where, args, arguments)
    try:
        return call(*args, **arguments)
    except UserError:
        raise
    except Exception as error:
        raise BuildError(nulls(error, where, target, own) or described(error, target, where)) from error


def of_kind(part: Any, kinds: type | tuple[type, ...], node: Mapping[str, Any], where: str) -> Any:
    """Returns `part`, which was built from `node`, if it is an instance of `kinds`; else raises BuildError."""
    if isinstance(part, kinds):
        return part
    expected = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    raise BuildError(
        f"{where}._target_={node[TARGET]} returned an object of type {type(part).__name__}; expected {expected}"
    )


def nested(value: Any, where: str, offered: Mapping[str, Any]) -> Any:
    """Returns `value` with every node in it built."""
    if isinstance(value, Mapping):
        if TARGET in value:
            return build(value, where=where, **offered)
        return {key: nested(item, f"{where}.{key}", offered) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nested(item, where, offered) for item in value]
    return value


def target_of(node: Any, where: str) -> str:
    if isinstance(node, Mapping) and isinstance(node.get(TARGET), str) and node[TARGET]:
        return node[TARGET]
    value = node.get(TARGET) if isinstance(node, Mapping) else node
    raise BuildError(f"{where or 'node'}: expected a mapping with _target_, the import path of a class; got {value!r}")


def resolve(target: str, where: str = "") -> Callable[..., Any]:
    """Returns the class or function at an import path such as "torch.optim.SGD". Raises BuildError for any other."""
    prefix = f"{where}._target_={target}" if where else target
    parts = compat.current(target).split(".")
    if len(parts) < 2 or not all(parts):
        raise BuildError(f"{prefix}: expected an import path such as mymodule.MyClass")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name and f"{module}.".startswith(f"{error.name}."):
                continue
            raise BuildError(f"{prefix}: module '{module}' needs '{error.name}', which is not installed") from error
        except Exception as error:
            raise BuildError(f"{prefix}: importing '{module}' fails: {reason(error)}") from error
        return attribute(imported, parts[length:], prefix, module)
    fix = "start from the folder that holds it, or put that folder on PYTHONPATH"
    raise BuildError(f"{prefix}: no module '{parts[0]}'; {fix}")


def attribute(value: Any, names: Sequence[str], prefix: str, module: str) -> Callable[..., Any]:
    """Returns the nested attribute `names` of `value`. Raises BuildError where it is missing or cannot be called."""
    for name in names:
        if not hasattr(value, name):
            raise BuildError(f"{prefix}: module '{module}' has no '{'.'.join(names)}'")
        value = getattr(value, name)
    if not callable(value):
        raise BuildError(f"{prefix}: neither a class nor a function")
    return value


def signature_of(call: Callable[..., Any]) -> Parameters:
    """Returns the parameters by name; empty where Python cannot determine them."""
    try:
        return inspect.signature(call).parameters
    except (TypeError, ValueError):
        return {}


def accepted(
    parameters: Parameters, own: Mapping[str, Any], offered: Mapping[str, Any], into_kwargs: Sequence[str]
) -> dict[str, Any]:
    """Returns the offered values that a signature names, under its own names for them."""
    taken = {}
    for name, value in offered.items():
        names = ALIASES.get(name, (name,))
        if any(own.get(alias) is not None for alias in names):
            continue
        alias = next((alias for alias in names if is_named(parameters, alias)), None)
        if alias:
            taken[alias] = value
        elif name in into_kwargs and has_kwargs(parameters):
            taken[name] = value
    return taken


def is_named(parameters: Parameters, name: str) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return name in parameters and parameters[name].kind in kinds


def has_kwargs(parameters: Parameters) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


def check_arguments(call: Callable[..., Any], target: str, where: str, args: Sequence[Any], arguments: dict) -> None:
    """Raises BuildError for arguments that the signature lacks, and for missing ones."""
    parameters = signature_of(call)
    if not parameters:
        return
    try:
        inspect.signature(call).bind(*args, **arguments)
    except TypeError as error:
        names = [name for name in parameters if is_named(parameters, name)]
        prefix = f"{where}: " if where else ""
        raise BuildError(f"{prefix}{target}: {error}; its arguments: {', '.join(names) or 'none'}") from error


def nulls(error: Exception, where: str, target: str, own: Mapping[str, Any]) -> str:
    """Returns the error for arguments that are null where a callable needs values; "" for another error."""
    names = [key for key, value in own.items() if value is None]
    if not where or not names or not (isinstance(error, TypeError) and "NoneType" in str(error)):
        return ""
    options = " or ".join(f"{where}.{name}=null" for name in names)
    removed = " ".join(f"~{where}.{name}" for name in names)
    return f"{options}: {target} needs a value; give one, or type {removed} for its own default ({reason(error)})"


def described(error: Exception, target: str, where: str) -> str:
    """Returns a constructor's error as one line. Messages of this project's own classes already name the option."""
    if target.startswith("fer.") and not isinstance(error, MISTAKES):
        return reason(error)
    return f"{where}: {target}: {reason(error)}" if where else f"{target}: {reason(error)}"


def reason(error: BaseException) -> str:
    """Returns the first line of an error's message; for a mistake in code with the type of the error and its line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if not isinstance(error, MISTAKES):
        return lines[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {lines[0]}{place}"
