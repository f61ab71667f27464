"""Choosing the next token, under a grammar or freely.

The candidates are laid out here, not by `llama_sampler_sample`: that call also
*accepts* what it picked, and a grammar that is offered a token it does not allow
throws through the C interface and takes the process down.
"""

import ctypes
import math
from collections.abc import Sequence
from typing import Any

from llama_cpp import llama_cpp as native

from router.engine.model import Model, Sampling


class GrammarInvalid(Exception):
    """llama.cpp cannot compile the grammar."""


class Sampler:
    """One request's sampling state. Free it with `close`."""

    def __init__(
        self, model: Model, sampling: Sampling, grammar: str = "", begun: Sequence[int] = ()
    ) -> None:
        """Build the chain.

        Args:
            model: whose tokens are chosen.
            sampling: how.
            grammar: what they must follow; empty for none.
            begun: what is written already of that, so that the rest is what may follow it. Where it does not
                follow the grammar, that begins with what is chosen first.

        Raises:
            GrammarInvalid: `grammar` (GBNF with a rule `root`) does not compile.
        """
        self._grammar = _compile(model, grammar) if grammar else None
        self._chain = _chain(model, sampling)
        size = model.vocab_size
        self._model = model
        self._data = (native.llama_token_data * size)()
        view = memoryview(self._data).cast("B")
        # Strided slices copy in C: 150k candidates in well under a millisecond.
        self._ids, self._logits = view.cast("i")[0::3], view.cast("f")[1::3]
        self._array = native.llama_token_data_array()
        self._one = (native.llama_token_data * 1)()
        if begun and not self._follows(begun):
            native.llama_sampler_reset(self._grammar)

    def _follows(self, tokens: Sequence[int]) -> bool:
        """Take tokens as chosen, as far as the grammar allows them; tell whether it allows all."""
        for token in tokens:
            if not self._allows(token):
                return False
            native.llama_sampler_accept(self._grammar, token)
        return True

    def pick(self, index: int) -> int | None:
        """Choose after the last batch's entry `index`; None where the grammar allows nothing."""
        row = ctypes.cast(
            self._model.logits(index), ctypes.POINTER(ctypes.c_float * self._model.vocab_size)
        ).contents
        logits = memoryview(row).cast("B").cast("f")
        token = self._choose(logits, constrained=False)
        # Trying the free choice first spares a walk of the grammar over the whole vocabulary.
        if self._grammar and (token is None or not self._allows(token)):
            token = self._choose(logits, constrained=True)
        if token is None or self._model.is_end(token):
            return token
        native.llama_sampler_accept(self._chain, token)
        if self._grammar:
            native.llama_sampler_accept(self._grammar, token)
        return token

    def _choose(self, logits: "memoryview[float]", *, constrained: bool) -> int | None:
        self._ids[:] = self._model.token_ids
        self._logits[:] = logits
        array = self._fill(self._data, len(self._data))
        if constrained:
            native.llama_sampler_apply(self._grammar, ctypes.byref(array))
        native.llama_sampler_apply(self._chain, ctypes.byref(array))
        if not 0 <= array.selected < array.size:
            return None
        chosen = array.data[array.selected]
        return int(chosen.id) if math.isfinite(chosen.logit) else None

    def _allows(self, token: int) -> bool:
        self._one[0].id, self._one[0].logit = token, 0.0
        array = self._fill(self._one, 1)
        native.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return math.isfinite(self._one[0].logit)

    def _fill(self, data: Any, size: int) -> Any:
        self._array.data = ctypes.cast(data, native.llama_token_data_p)
        self._array.size = size
        self._array.selected = -1
        self._array.sorted = False
        return self._array

    def close(self) -> None:
        """Free the native sampler chain; call it once."""
        for sampler in (self._grammar, self._chain):
            if sampler:
                native.llama_sampler_free(sampler)
        self._grammar = self._chain = None


def _compile(model: Model, grammar: str) -> Any:
    sampler = native.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
    if not sampler:
        raise GrammarInvalid("llama.cpp cannot compile the grammar made from this schema")
    return sampler


def _chain(model: Model, sampling: Sampling) -> Any:
    chain = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
    for sampler in _samplers(model, sampling):
        native.llama_sampler_chain_add(chain, sampler)
    return chain


def _samplers(model: Model, sampling: Sampling) -> list[Any]:
    """List the chain in llama.cpp's own order."""
    chain = []
    if sampling.frequency_penalty or sampling.presence_penalty:
        chain.append(
            native.llama_sampler_init_penalties(
                model.vocab_size,
                model.context,
                1.0,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    if sampling.temperature <= 0:
        return [*chain, native.llama_sampler_init_greedy()]
    return [
        *chain,
        native.llama_sampler_init_top_k(sampling.top_k),
        native.llama_sampler_init_top_p(sampling.top_p, 1),
        native.llama_sampler_init_min_p(sampling.min_p, 1),
        native.llama_sampler_init_temp(sampling.temperature),
        native.llama_sampler_init_dist(sampling.seed),
    ]
