"""Optimizer: what all optimizers do around their rule, as in Keras, over one flat buffer.

An optimizer lays all trainable weights end to end in one array, whose parts the weights become;
the gradients and the optimizer's slots lie the same way. One kernel then updates everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from melpy import clock, tape
from melpy.configurable import is_ours
from melpy.distribution.exchange import Sending, sending, sum_gradients
from melpy.errors import ArgumentError, warn
from melpy.kernels import dispatch as kernels
from melpy.kernels import threads
from melpy.optimizers.pace import Paced
from melpy.optimizers.state import Rate, require
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = ["Optimizer"]


class Optimizer(Paced):
    """Changes weights by their gradients. Abstract: subclasses define ``rule`` or ``update_step``.

    Parameters
    ----------
    learning_rate : float >= 0, a `LearningRateSchedule`, or a function without arguments
    weight_decay : float >= 0 or None: each step first multiplies weights by 1 - decay * rate
    clipnorm : float >= 0 or None, the largest norm of one weight's gradient; 0 for no limit
    clipvalue : float >= 0 or None, the largest absolute value in a gradient; 0 for no limit
    global_clipnorm : float >= 0 or None, the largest norm of all gradients together
    use_ema : bool, keep a running mean of the weights, average = m average + (1 - m) w
    ema_momentum : float in [0, 1], m
    ema_overwrite_frequency : int >= 1, the steps after which the weights become their averages;
        None for once, at the end of training, by `finalize_variable_values`
    loss_scale_factor : float or None, what `scale_loss` multiplies by; gradients are divided by it
    gradient_accumulation_steps : int >= 2 or None, the calls of `apply` whose mean gradient makes
        one step; schedules, averages and constraints move with the steps
    name : str or None, for the class's name in snake case

    Notes
    -----
    A subclass with a rule for whole arrays names its slots, arrays like the weights that start at
    0, and defines ``rule(rate, p, g, **slots)``, which writes into p and the slots. Keras's
    way works too: define ``build`` and ``update_step(gradient, variable, learning_rate)``.

    Examples
    --------
    >>> import melpy, numpy as np
    >>> class SignDescent(melpy.optimizers.Optimizer):
    ...     def rule(self, rate, p, g):
    ...         p -= rate * np.sign(g)
    >>> w = melpy.Tensor([1.0, 2.0])
    >>> SignDescent(0.5).apply([np.array([3.0, -3.0])], [w])
    >>> w
    Tensor([0.5, 2.5], dtype=float32)
    """

    _sending: Sending | None = None

    def __init__(
        self, learning_rate: Rate, weight_decay: float | None = None, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None,
        use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for key, value in {**limits, "weight_decay": weight_decay}.items():
            require(value is None or value >= 0, key, value, "a float >= 0 or None", who)
        given = {key: value for key, value in limits.items() if value is not None}
        if len(given) > 1:
            raise ArgumentError(who, "only one of the limits can be set", received=given)
        if use_ema:
            require(0 <= ema_momentum <= 1, "ema_momentum", ema_momentum, "in [0, 1]", who)
            every = ema_overwrite_frequency
            fits = not every or (isinstance(every, int) and every >= 1)
            require(fits, "ema_overwrite_frequency", every, "an int >= 1 or None", who)
        steps = gradient_accumulation_steps
        fits = not steps or steps >= 2
        require(fits, "gradient_accumulation_steps", steps, "an int >= 2 or None", who)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor, self.gradient_accumulation_steps = loss_scale_factor, steps
        self._start(learning_rate, name)
        self._overwritten: list[Variable] = []
        self._undecayed: tuple[list[Variable], str] = [], ""

    # One step.

    def apply(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """Make one step from one gradient a weight.

        Parameters
        ----------
        grads : arrays of the weights' shapes, or None for a weight that stays, with a warning
        trainable_variables : the weights. The first call, or `build`, names all; later ones may
            name some of them, for instance after a layer was frozen; None for all.

        Raises
        ------
        ArgumentError : a weight is unknown, or there is no gradient at all
        """
        if len(grads) == 0:
            return
        weights = None if trainable_variables is None else list(trainable_variables)
        if not self.built:
            if weights is None:
                raise ArgumentError(
                    type(self).__name__,
                    "no weights are known yet",
                    mend="Call build(weights) first, or give the weights.",
                )
            self.build(weights)
        weights = self._flat.weights if weights is None else weights
        expected = f"{len(weights)}, one a weight"
        require(len(grads) == len(weights), "grads", len(grads), expected, type(self).__name__)
        self._flat.require_known(weights)
        grads, weights = self._present(grads, weights)
        with tape.no_grad():
            if not threads.is_noted() or self._flat.has_moved():  # else they were laid just before
                threads.missed("weights that move amidst a step")
                self._flat.lay()
            sent, self._sending = self._sending, None
            if sent is not None and sent.has_sent(grads, weights):
                sent.finish()
            else:
                self._flat.gather(grads, weights)
                if not sum_gradients(self._flat.gradient, self._flat.spans(weights)):
                    return  # another micro-batch's turn makes the step
            if self.loss_scale_factor is not None:
                kernels.divide(self._flat.gradient, self.loss_scale_factor)
            if self._accumulated(self._flat.spans(weights)):
                self._move(weights)
                self._constrain(weights)
        self._end_step()

    def sends(self, weights: Sequence[Variable]) -> Any:
        """Return what is to be told each gradient once it is whole; None where nobody waits."""
        self._sending = sending(self._flat, weights) if self.built else None
        return self._sending and self._sending.ready

    def _end_step(self) -> None:
        clock.values_changed()
        self.assign_add(self._iterations, 1)

    def build(self, variables: Sequence[Variable]) -> None:
        """Lay the weights end to end, and make the slots."""
        if not self.built:
            self._overwritten = [
                w for w in variables if getattr(w, "overwrite_with_gradient", False)
            ]
        super().build(variables)

    def _overwrite(self, weights: list[Any]) -> list[Any]:
        """Give some weights their gradients as values, and return the others."""
        overwritten = {id(w) for w in self._overwritten}
        for weight in weights:
            if id(weight) in overwritten:
                part = self._flat.part(weight)
                kernels.copy(self._flat.gradient[part], self._flat.parameters[part])
        return [w for w in weights if id(w) not in overwritten]

    def _again(self, weights: list[Any]) -> None:
        """Do what Python does in a step whose regions a program runs: numbers, and counting."""
        if self.left_to_accumulate == 1:
            self._move(weights)
        self._end_step()

    def _move(self, weights: list[Any]) -> None:
        """Make the step of the gradients that `Flat` holds, and what follows a step."""
        if self._overwritten:
            weights = self._overwrite(weights)
        rate = float(self.learning_rate)
        if threads.is_noted() and not self.is_plain:
            threads.missed("an optimizer with a rule of its own")
        self._clip(weights)
        self.decay(weights, rate)
        self.step(weights, rate)
        if self.use_ema:
            self._average()

    def _constrain(self, weights: list[Any]) -> None:
        """Put weights back inside their limits."""
        for weight in weights:
            constraint = getattr(weight, "constraint", None)
            if constraint is not None:
                value = np.asarray(constraint(weight), weight.array.dtype)
                kernels.copy(value.reshape(-1), self._flat.parameters[self._flat.part(weight)])

    @property
    def is_plain(self) -> bool:
        """Whether a step is work of kernels: of the library's own rules and constraints."""
        own = (self.update_step, self.rule, self.pace, self.step, self.decay, self.apply)
        if not all(map(is_ours, own)) or self._is_followed_by_weight:
            return False
        constraints = (getattr(w, "constraint", None) for w in self._flat.weights)
        return all(c is None or is_ours(type(c)) for c in constraints) if self.built else True

    def step(self, weights: list[Any], rate: float) -> None:
        """Change the weights: by ``rule``, all at once, or by a subclass's ``update_step``."""
        if not self._is_followed_by_weight:
            for span in self._flat.spans(weights):
                self._follow(span, rate)
        else:
            for weight in weights:
                gradient = self._flat.gradient[self._flat.part(weight)].reshape(weight.shape)
                self.update_step(Tensor(gradient), weight, Tensor(rate))
            self._flat.lay()  # what was assigned: averages and constraints come after it

    @property
    def _is_followed_by_weight(self) -> bool:
        """Whether a subclass changes one weight after the other, as Keras's do."""
        return type(self).update_step is not Optimizer.update_step

    def _follow(self, span: slice, rate: float) -> None:
        flat = self._flat
        slots = {slot: flat.slots[slot][span] for group in self.slots for slot in group}
        self.rule(rate, flat.parameters[span], flat.gradient[span], **slots)

    def rule(self, *args: Any, **slots: Any) -> None:
        """Change flat arrays in place, p and the slots by g: ``rule(rate, p, g, **slots)``."""
        raise NotImplementedError(f"{type(self).__name__} must define rule or update_step")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one weight by its gradient; subclasses may define it, as in Keras."""
        part = self._flat.part(variable)
        self._flat.gather([gradient], [variable])
        self._follow(part, float(learning_rate))

    @property
    def t(self) -> int:
        """The number of the step that is being made, from 1."""
        return int(self._iterations) // (self.gradient_accumulation_steps or 1) + 1

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Tensor:
        """Make one step from (gradient, weight) pairs, and return the number of calls so far."""
        gradients, weights = zip(*grads_and_vars, strict=True)
        self.apply(gradients, weights)
        return self._iterations

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what a step makes of weights and of a state; the optimizer's own stay.

        Parameters
        ----------
        optimizer_variables : arrays like the `variables`
        grads : arrays like the weights
        trainable_variables : arrays like the weights of `build`

        Returns
        -------
        (weights, state) : two lists of arrays, after the step
        """
        who = type(self).__name__
        if not self.built:
            raise ArgumentError(
                who, "the state is not built yet", mend="Call build(weights) first."
            )
        state, weights = self.variables, self._flat.weights
        for name, given, own in (
            ("optimizer_variables", optimizer_variables, state),
            ("trainable_variables", trainable_variables, weights),
        ):
            require(len(given) == len(own), name, len(given), f"{len(own)} arrays", who)
        every: list[Any] = [*weights, *state]
        kept = [np.array(variable.array) for variable in every]
        try:
            for variable, value in zip(
                every, [*trainable_variables, *optimizer_variables], strict=True
            ):
                variable.assign(value)
            self.apply(grads)
            made = [np.array(variable.array) for variable in every]
        finally:
            for variable, value in zip(every, kept, strict=True):
                variable.assign(value)
        return made[: len(weights)], made[len(weights) :]

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times ``loss_scale_factor``: the one to take the gradients of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _present(self, grads: Sequence[Any], weights: list[Any]) -> tuple[list[Any], list[Any]]:
        """Leave out weights without a gradient."""
        if all(g is not None for g in grads):
            return list(grads), weights
        missing = [w.name for g, w in zip(grads, weights, strict=True) if g is None]
        if len(missing) == len(weights):
            raise ArgumentError(type(self).__name__, "no weight has a gradient")
        warn(f"{type(self).__name__}: no gradients for {missing}")
        pairs = [(g, w) for g, w in zip(grads, weights, strict=True) if g is not None]
        return [g for g, _ in pairs], [w for _, w in pairs]

    # What happens around the rule.

    def _accumulated(self, spans: list[slice]) -> bool:
        """Add the gradients to the sums; return whether it is time for a step by their mean."""
        every = self.gradient_accumulation_steps
        if not every:
            return True
        sums, g = self._flat.slots["gradient_accumulator"], self._flat.gradient
        is_time = self.left_to_accumulate == 1
        for span in spans:
            if is_time:
                kernels.accumulated(sums[span], g[span], every)
            else:
                kernels.accumulate(sums[span], g[span])
        return is_time

    @property
    def left_to_accumulate(self) -> int:
        """How many gradients the next step waits for: 1 where it is time, or always."""
        every = self.gradient_accumulation_steps
        return every - int(self._iterations) % every if every else 1

    @property
    def alike_ahead(self) -> int | None:
        """How many of the coming steps do the same, None for all."""
        if not self.gradient_accumulation_steps:
            return None
        return max(1, self.left_to_accumulate - 1)

    def _clip(self, weights: list[Any]) -> None:
        flat, g = self._flat, self._flat.gradient
        if self.clipnorm:
            for weight in weights:
                kernels.clip_norm([g[flat.part(weight)]], self.clipnorm)
        elif self.global_clipnorm:
            kernels.clip_norm([g[span] for span in flat.spans(weights)], self.global_clipnorm)
        elif self.clipvalue:
            kernels.clip_values(g, self.clipvalue)

    def decay(self, weights: list[Any], rate: float) -> None:
        """Multiply the weights by 1 - weight_decay * rate."""
        if self.weight_decay:
            for span in self._flat.spans([w for w in weights if self.decays(w)]):
                kernels.scale(self._flat.parameters[span], 1 - self.weight_decay * rate)

    def decays(self, weight: Any) -> bool:
        """Return whether weight decay acts on a weight."""
        variables, pattern = self._undecayed
        name = weight.name.rsplit("/", 1)[-1]
        return all(weight is not v for v in variables) and not (
            pattern and re.search(pattern, name)
        )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Let weight decay pass over some weights; to be called before the first step.

        Parameters
        ----------
        var_list : the weights
        var_names : regular expressions; a weight whose name, such as "bias", one of them matches
        """
        self._undecayed = list(var_list or []), "|".join(var_names or [])
