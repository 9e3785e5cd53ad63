"""What a layer says of itself: its place in a graph, what it takes, and how it is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from melpy import tree
from melpy.config import DTypePolicy
from melpy.configurable import Configurable
from melpy.layers.arguments import as_shape, taken_arguments
from melpy.layers.input_spec import InputSpec
from melpy.layers.own_config import changes_since
from melpy.layers.parts import Parts

__all__ = ["Described"]


class Described(Parts):
    """What a layer says of itself. Abstract.

    ``_calls`` are its uses in graphs, and ``_build_shapes`` the arguments of its ``build``.
    """

    @property
    def input_spec(self) -> Any:
        """An `InputSpec`, or several, that inputs are held to; None for any input."""
        return self._own_spec() if self._input_spec is None else self._input_spec

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self._input_spec = value

    def _own_spec(self) -> InputSpec | None:
        """Return what ``call`` itself asks of its input, for those who want to know before."""
        return None

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The layer's type as a policy; set it, or its name, before the layer is built."""
        return DTypePolicy(str(self.dtype))

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self.dtype = (value if isinstance(value, DTypePolicy) else DTypePolicy(value)).name

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple:
        """Return the output and the new non-trainable values; the layer keeps its own.

        Parameters
        ----------
        trainable_variables, non_trainable_variables : values, one for each of the layer's own
        args, kwargs : as in a call
        return_losses : bool, whether the penalties come third
        """
        from melpy.layers.stateless import stateless_call  # rare

        state = trainable_variables, non_trainable_variables
        return stateless_call(self, *state, args, kwargs, return_losses)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, as plain values."""
        arguments = Configurable.get_config(self) | changes_since(self)
        # Of the base's own arguments, those that say something.
        usual = {"autocast": True, "activity_regularizer": None} if "autocast" in arguments else {}
        arguments = {k: v for k, v in arguments.items() if k not in usual or v is not usual[k]}
        base = {"name": self.name, "trainable": self.trainable, "dtype": _policy(str(self.dtype))}
        accepted = taken_arguments(type(self)).base_arguments
        if arguments.get("data_format", "") is None:  # the setting may be another one elsewhere
            arguments["data_format"] = getattr(self, "data_format", None)
        return arguments | {name: value for name, value in base.items() if name in accepted}

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes that the weights were made for, None where there are none yet."""
        shapes = self._build_shapes
        if shapes is None:
            return None
        copy = tree.map_structure(lambda size: size, shapes)
        return (
            {"input_shape": next(iter(copy.values()))} if len(copy) == 1 else {"shapes_dict": copy}
        )

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Make the weights for the shapes of `get_build_config`."""
        if config.get("shapes_dict"):
            self.build(**{name: as_shape(s) for name, s in config["shapes_dict"].items()})
        elif config.get("input_shape"):
            self.ensure_built(as_shape(config["input_shape"]))


def _policy(dtype: str) -> dict[str, Any]:
    """Return a type in the form of Keras's files; layers of whole numbers have one too."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "registered_name": None}
    return {**policy, "config": {"name": dtype}}
