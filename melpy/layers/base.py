"""Layer: weights, a call, and the one place where a layer's name enters an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import config, foreign, regularizers, symbolic, tree
from melpy.configurable import is_ours, snake_case
from melpy.errors import ArgumentError, MelpyError, ShapeError, lookup, signature_error
from melpy.kernels import threads
from melpy.layers.apart import goes_apart, performed_apart
from melpy.layers.arguments import (
    Shape,
    TakenArguments,
    as_shape,
    masks_of,
    outputs_like,
    shapes_of,
    symbols_of,
    taken_arguments,
)  # fmt: skip
from melpy.layers.building import MadeByInit, noting
from melpy.layers.input_spec import require_compatible
from melpy.layers.joining import Joining
from melpy.layers.phase import is_training, phase
from melpy.layers.scope import within
from melpy.probing import Like
from melpy.symbolic import Symbolic
from melpy.tensor import SymbolicTensor, Tensor, mask_of, set_mask

__all__ = ["OURS", "Layer", "as_shape", "is_training"]

OURS: dict[str, type[Layer]] = {}  # the library's own layers and models, by their classes' names


class Layer(Joining):
    """A function with weights. Abstract: subclasses define ``call`` and, with weights, ``build``.

    Parameters
    ----------
    activity_regularizer : regularizer of the layer's output, or None
    trainable : bool, whether training changes the weights
    dtype : "float32", "float64", or None for `config.floatx`
    autocast : bool, whether float inputs are brought to the layer's own type
    name : str or None, for the class's name in snake case

    Notes
    -----
    A layer builds its weights at its first call, when it sees its input's shape. It may be called
    on arrays, on tensors, and on symbolic tensors, which describes a model. ``call`` may name
    ``training`` and ``mask``: they come from the enclosing call and from the input tensor where
    they are not given. Layers that are attributes, or in lists or dicts that are, are part of it.

    Examples
    --------
    >>> import melpy, numpy as np
    >>> class Scale(melpy.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
    ...     def call(self, inputs):
    ...         return inputs * self.scale
    >>> Scale()(np.array([[1.0, 2.0]])).numpy()
    array([[1., 2.]], dtype=float32)
    """

    name: Any = MadeByInit()
    dtype: Any = MadeByInit()
    supports_masking = False
    _is_building: bool
    autograph_info__ = None  # TensorFlow, which rewrites its graphs' functions, leaves it alone
    needs_build = True  # False of what has no state: it is built from the beginning
    whole = False  # whether a call is made of ops alone, and reads nothing else

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls, *args, **kwargs)
        made._build_shapes, made._is_building = None, False
        made._input_spec = None
        return made

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_ours(cls):
            OURS[cls.__name__] = cls
        if "build" in cls.__dict__:
            cls.build = noting(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        if not isinstance(self.name, str) or "/" in self.name:  # which parts the weights' paths
            raise ArgumentError(
                type(self).__name__,
                "this is no name of a layer",
                expected="a str without '/'",
                received={"name": self.name},
            )
        self.dtype = float_type(dtype, type(self).__name__)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if not isinstance(trainable, bool):
            raise ArgumentError(
                type(self).__name__,
                "trainable is neither True nor False",
                expected="a bool",
                received={"trainable": trainable},
            )
        self._trainable = trainable
        self.built = not self.needs_build and type(self).build is Layer.build
        self._first_shape = _shape_of_first(kwargs)  # for a Sequential that begins with it
        if kwargs:
            self._refuse_arguments(kwargs)

    def _refuse_arguments(self, unknown: dict[str, Any]) -> None:
        known = [name for name in self._arguments if name not in unknown]
        known += ["name", "trainable", "dtype", "activity_regularizer"]
        error = signature_error(type(self).__name__, dict.fromkeys(known), unknown)
        if error is not None:
            raise error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    @noting
    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the weights from ``input_shape``, which begins with the batch axis, None.

        However it is called, the layer is built after it, and takes no further weights.
        """

    @property
    def _is_open(self) -> bool:
        """Whether parts may be added after it was built."""
        return False

    def _note_build(self, shapes: dict[str, Any]) -> None:
        """Note that the layer is built, and the arguments of its ``build``."""
        self.built, self._build_shapes = True, shapes
        by_rule = type(self).build is not Layer.build  # else parts are built by the first call
        self._is_complete = by_rule or all(part.built for part in self._children())

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; what ``layer(x)`` runs. Abstract."""
        raise NotImplementedError(f"{type(self).__name__} defines no call")

    def compute_output_shape(self, *shapes: Any, **named: Any) -> Any:
        """Return the output's shape; found by running the layer unless a subclass knows a rule."""
        if type(self).call is Layer.call:
            self.call()  # refuses
        inputs = [symbols_of(shape, self.dtype) for shape in shapes]
        more = {k.removesuffix("_shape"): symbols_of(s, self.dtype) for k, s in named.items()}
        return tree.map_structure(
            lambda x: getattr(x, "shape", x), symbolic.probe(self, tuple(inputs), more)
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors like the outputs for symbolic inputs; no graph notes it."""
        made_of = self._rule_for_shapes(args[0] if args else None, args, kwargs)
        if made_of is None:
            made_of = symbolic.probe(self, args, kwargs)
        return tree.map_structure(
            lambda x: SymbolicTensor(x.shape, x.dtype) if isinstance(x, Like) else x, made_of
        )

    symbolic_call = compute_output_spec

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output: the input's own."""
        return mask

    # The call.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        taken = taken_arguments(type(self))
        given = args, kwargs
        try:
            if len(args) != 1:
                args, kwargs = taken.with_one_positional(args, kwargs)
            if symbolic.any_in(args, kwargs):
                return self._describe(taken, args, kwargs, given)
            first = self._as_input(args[0]) if args else None
            kwargs = {name: self._as_tensor(value) for name, value in kwargs.items()}
            if self._input_spec is not None:
                require_compatible(self._input_spec, first)
            if self._path is None or not self.built:
                return self._begin(taken, args, first, kwargs)
            return self._perform(taken, args, first, kwargs)
        except MelpyError as error:
            raise self._located(error)  # noqa: B904  the same error, with this layer's name
        except NotImplementedError as error:  # as a tensor without values says of its array
            return foreign.node(self, *given, error, functools.partial(self._outline, taken))

    def _begin(self, taken: TakenArguments, args: tuple, first: Any, kwargs: dict[str, Any]) -> Any:
        """Build, and make the first call: the parts that it builds stand behind this name."""
        with within(self):
            if not self.built:
                self._build_for(taken, first, kwargs)
            y = self._perform(taken, args, first, kwargs)
        self._is_complete = not self._is_open
        return y

    def _is_whole(self) -> bool:
        """Whether a call is made of ops alone; a subclass, or another ``call``, says it anew."""
        return bool(vars(type(self)).get("whole")) and "call" not in vars(self)

    def _perform(
        self, taken: TakenArguments, args: tuple, first: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Settle training and masks, call, and attach what comes with the output."""
        if threads.is_noted() and goes_apart(self, first, args, kwargs):
            run, more = functools.partial(self._perform, taken), {"added": self._count_added}
            return performed_apart(self.name, self.weights, run, args, first, kwargs, **more)
        outer = phase.get()
        training = kwargs.pop("training", None)
        if training is None:
            training = taken.training_default if outer is None else outer
        if outer is None:
            self._forget_losses()
        masks = masks_of(first)
        taken.fill_masks(kwargs, first, masks)
        if kwargs.get("mask") is not None:
            masks = kwargs["mask"]
        if taken.training:
            kwargs["training"] = training
        token = phase.set(bool(training))
        try:
            y = self.call(first, *args[1:], **kwargs) if args else self.call(**kwargs)
        finally:
            phase.reset(token)
        if masks is not None or type(self).compute_mask is not Layer.compute_mask:
            self._attach_mask(first, y, masks)
        if self.activity_regularizer is not None:
            for leaf in tree.flatten(y):
                penalty = self.activity_regularizer(leaf)
                self.add_loss(penalty / leaf.shape[0] if leaf.ndim and len(leaf) else penalty)
        return y

    def stand_in(self, function: Callable[[Any], Any], inputs: Any) -> Any:
        """Run a function in the place of ``call``: its input and its errors become the layer's."""
        try:
            return function(self._as_input(inputs))
        except MelpyError as error:
            raise self._located(error)  # noqa: B904  the same error, with this layer's name

    def _attach_mask(self, inputs: Any, y: Any, masks: Any) -> None:
        if not (self.supports_masking or type(self).compute_mask is not Layer.compute_mask):
            return
        leaves = tree.flatten(y)
        if all(mask_of(leaf) is not None for leaf in leaves):
            return
        made = tree.flatten(self.compute_mask(inputs, masks))
        if len(made) != len(leaves):
            made = made[:1] * len(leaves)
        for leaf, mask in zip(leaves, made, strict=True):
            if isinstance(leaf, Tensor) and mask is not None:
                set_mask(leaf, np.asanyarray(mask))

    def _describe(
        self, taken: TakenArguments, args: tuple, kwargs: dict[str, Any], given: tuple
    ) -> Any:
        """Put this call into the graph of symbolic tensors, and return symbolic outputs.

        The graph keeps the arguments as they were ``given``: by position or by name, they tell the
        order of the layers before, hence of weights.
        """
        first = args[0] if args else None
        if self._input_spec is not None:
            require_compatible(self._input_spec, first)
        made_of = self._outline(taken, args, kwargs)
        outputs = symbolic.defer(self, given[0], given[1], made_of)
        self._is_complete = not self._is_open
        leaf = next(x for x in tree.flatten(outputs) if isinstance(x, Symbolic))
        self._calls.append(leaf.call)
        return outputs

    def _outline(self, taken: TakenArguments, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Build, and return what the outputs of a call on symbolic tensors are."""
        if len(args) != 1:
            args, kwargs = taken.with_one_positional(args, kwargs)
        first = args[0] if args else None
        with within(self):
            if not self.built:
                self._build_for(taken, first, kwargs)
            made_of = self._rule(first, args, kwargs)
            return symbolic.probe(self, args, kwargs) if made_of is None else made_of

    def _rule(self, first: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Return what the outputs are by a rule of the layer's, None where it has none."""
        if type(self).compute_output_spec is Layer.compute_output_spec:
            return self._rule_for_shapes(first, args, kwargs)
        made = self.compute_output_spec(*args, **kwargs)
        return tree.map_structure(lambda x: Like(x.shape, x.dtype), made)

    def _rule_for_shapes(self, first: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        ruled = type(self).compute_output_shape is not Layer.compute_output_shape
        if not ruled or kwargs.keys() - {"training", "mask"} or args[1:]:
            return None
        made_of = outputs_like(self.compute_output_shape(shapes_of(first)), self._output_dtype)
        if self.input_spec is not None:  # what ``call`` would have found out
            require_compatible(self.input_spec, first)
        masks = kwargs.get("mask", masks_of(first))
        if self.supports_masking and (
            masks is not None or type(self).compute_mask is not Layer.compute_mask
        ):
            made = symbolic.probe(self.compute_mask, (first, masks), {})
            symbolic.with_masks(made_of, made)
        return made_of

    def _build_for(self, taken: TakenArguments, first: Any, kwargs: dict[str, Any]) -> None:
        """Build from the shapes of a call's arguments."""
        if self._is_building:  # by calling it
            return
        shapes = taken.build_shapes(first, kwargs)
        if len(shapes) == 1:
            self.ensure_built(*shapes.values())
        else:
            self.build(**shapes)

    def _may_get_weights(self) -> bool:
        """Return whether building it, or calling it, may make weights."""
        has_rule = type(self).build is not Layer.build
        return has_rule or any(not part.built for part in self._children())

    def ensure_built(self, input_shape: Any) -> None:
        """Build the layer once."""
        if not self.built:
            self.build(input_shape)

    def _located(self, error: MelpyError) -> MelpyError:
        if "'" not in error.who and not error.is_nobodys:  # the innermost layer is the one to name
            error.who = f"{type(self).__name__} {self.name!r}"
        return error.with_traceback(None)

    @property
    def _output_dtype(self) -> Any:
        """The type of a symbolic output, where a rule says its shape."""
        return self.dtype


def float_type(dtype: Any, who: str) -> str:
    """Return the name of a float type, the setting's for None; a Keras dtype policy's too."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    if dtype is None:
        return config.dtype_policy().name
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or np.dtype(dtype).name
    return config.checked_float(name, who)


def _shape_of_first(kwargs: dict[str, Any]) -> Shape | None:
    """Take away the arguments of old scripts that give a first layer its input's shape."""
    if "batch_input_shape" in kwargs:
        return tuple(kwargs.pop("batch_input_shape"))
    if "input_shape" in kwargs:
        return (None, *kwargs.pop("input_shape"))
    return (None, kwargs.pop("input_dim")) if "input_dim" in kwargs else None


def require_rank(input_shape: Shape, rank: int, layout: str, mend: str = "") -> None:
    """Refuse a shape of another rank; ``layout`` names the axes, "(N, H, W, C)"."""
    if len(input_shape) != rank:
        raise ShapeError(
            "build",
            f"input has {len(input_shape)} axes",
            expected=f"shape {layout}",
            received={"shape": tuple(input_shape)},
            mend=mend,
        )


def known_format(data_format: str | None, who: str) -> str:
    """Return where the channels are, by default the setting, or refuse an unknown place."""
    place = data_format or config.image_data_format()
    return lookup("data format", place, config.DATA_FORMATS, who)
