"""An embedding model, held by llama.cpp's C interface: tokens in, one vector a text out.

Texts are pooled as the file says, each as a sequence of its own, and several share a batch. Every vector
has length 1. As in `model`, sizes are checked before every native call; `embed` is for one thread only.
"""

import ctypes
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as native

from router.engine.model import DecodeFailed, load_weights
from router.errors import Misconfigured

SETTING = "local.embedding_model"
LARGEST_WINDOW = 2048
"""Tokens of a window that nobody set: memory for a batch grows with its square."""
MOST_TEXTS = 32
"""Texts in a batch."""


class Embedder:
    """Weights, vocabulary, and a context that pools."""

    def __init__(self, path: Path, *, context: int, gpu_layers: int, threads: int) -> None:
        """Load; takes seconds.

        Raises:
            Misconfigured: llama.cpp refuses the file, it makes no embeddings, or the window is too wide.
        """
        self._model = load_weights(path, gpu_layers, setting=SETTING)
        self._vocab = native.llama_model_get_vocab(self._model)
        self._vocab_size = native.llama_vocab_n_tokens(self._vocab)
        self.context = self._window(context)
        self._context = self._open(threads)
        self._check_pooling(path)
        self._memory = native.llama_get_memory(self._context)
        self._batch = native.llama_batch_init(self.context, 0, 1)
        self.width = native.llama_model_n_embd_out(self._model)
        """Numbers in a vector."""

    def _window(self, context: int) -> int:
        trained = native.llama_model_n_ctx_train(self._model)
        if context > trained:
            raise Misconfigured(
                f"local.embedding_context: {context} is more than the {trained} tokens this model was "
                f"trained for; use at most {trained}, or 0"
            )
        return context or min(trained, LARGEST_WINDOW)

    def _open(self, threads: int) -> Any:
        params = native.llama_context_default_params()
        params.embeddings = True
        # A model that looks both ways has to see a whole text at once.
        params.n_ctx = params.n_batch = params.n_ubatch = self.context
        params.n_seq_max = MOST_TEXTS
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        opened = native.llama_init_from_model(self._model, params)
        if not opened:
            raise Misconfigured(
                f"local.embedding_context: no memory for a window of {self.context} tokens; lower it"
            )
        return opened

    def _check_pooling(self, path: Path) -> None:
        pooling = native.llama_pooling_type(self._context)
        if pooling == native.LLAMA_POOLING_TYPE_NONE:
            raise Misconfigured(
                f"{SETTING}: {str(path)!r} names no pooling, so it makes no embedding of a text; "
                "give an embedding model"
            )
        if pooling == native.LLAMA_POOLING_TYPE_RANK:
            raise Misconfigured(f"{SETTING}: {str(path)!r} ranks texts (a reranker); give an embedding model")

    def tokenize(self, text: str) -> list[int]:
        """Tokenise a text, with the tokens that the model wants around it; control tokens in it are text.

        Safe in any thread.

        Raises:
            DecodeFailed: it cannot be.
        """
        data = text.encode(errors="replace")
        size = len(data) + 8
        tokens = (native.llama_token * size)()
        count = native.llama_tokenize(self._vocab, data, len(data), tokens, size, True, False)
        if count < 0:
            raise DecodeFailed("the text cannot be tokenised")
        return list(tokens[:count])

    def knows(self, tokens: Sequence[int]) -> bool:
        """Whether all of these are tokens of the vocabulary."""
        return all(0 <= token < self._vocab_size for token in tokens)

    def batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
        """Cut into batches, each from a place to another; no prompt is longer than `context`."""
        start = size = 0
        for at, prompt in enumerate(prompts):
            if at > start and (size + len(prompt) > self.context or at - start == MOST_TEXTS):
                yield start, at
                start, size = at, 0
            size += len(prompt)
        if start < len(prompts):
            yield start, len(prompts)

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Compute one batch.

        Returns:
            A vector of length 1 for each prompt, in order.

        Raises:
            DecodeFailed: it does not fit, or could not be computed.
        """
        total = sum(map(len, prompts))
        if not (0 < len(prompts) <= MOST_TEXTS and all(prompts) and total <= self.context):
            raise DecodeFailed(f"a batch of {len(prompts)} texts and {total} tokens")
        if self._memory:
            native.llama_memory_clear(self._memory, True)
        self._fill(prompts, total)
        compute = native.llama_decode if self._memory else native.llama_encode
        if code := compute(self._context, self._batch):
            raise DecodeFailed(f"llama.cpp returned {code}")
        return [self._vector(sequence) for sequence in range(len(prompts))]

    def _fill(self, prompts: Sequence[Sequence[int]], total: int) -> None:
        batch = self._batch
        batch.n_tokens = total
        at = 0
        for sequence, prompt in enumerate(prompts):
            for position, token in enumerate(prompt):
                batch.token[at] = token
                batch.pos[at] = position
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = sequence
                batch.logits[at] = True
                at += 1

    def _vector(self, sequence: int) -> list[float]:
        numbers = native.llama_get_embeddings_seq(self._context, sequence)
        if not numbers:
            raise DecodeFailed("llama.cpp gave no embedding")
        values = list(ctypes.cast(numbers, ctypes.POINTER(ctypes.c_float * self.width)).contents)
        length = math.hypot(*values)
        if not math.isfinite(length) or not length:
            raise DecodeFailed("the embedding is no direction")
        return [value / length for value in values]
