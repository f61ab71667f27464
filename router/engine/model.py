"""llama.cpp, held by its C interface: tokens in, logits and tokens out.

`llama_cpp.Llama` is not used: it keeps logits for every position, knows one sequence
and cannot stop between chunks of a prompt. Rules here: sizes are checked before every
native call, because a wrong one aborts the process; after construction only the
scheduler's thread may call `decode`, `keep` and a `Sampler`; `tokenize` and `piece`
read the vocabulary only and are safe anywhere.
"""

import ctypes
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as native

from router.engine.fim import NAMES, FimTokens, find_tokens
from router.errors import Misconfigured

_SPARE_SHARE = 4
"""Spare cells are no more than a fourth of the window."""
_NAME_LENGTH = 256
_WARN, _ERROR = 3, 4  # ggml.h; llama-cpp-python's own filter has them shifted by one


@native.llama_log_callback  # type: ignore[untyped-decorator]  # the library is untyped
def _log(level: int, text: bytes, _: object) -> None:
    """Let llama.cpp's warnings and errors through to the supervisor, and nothing else."""
    if level in {_WARN, _ERROR}:
        sys.stderr.write(text.decode(errors="replace"))
        sys.stderr.flush()


class DecodeFailed(Exception):
    """llama.cpp could not compute a batch; its sequences are to be dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One token of a batch."""

    token: int
    position: int
    sequence: int
    output: bool
    """Whether logits are wanted after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen. Defaults are llama.cpp's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = native.LLAMA_DEFAULT_SEED
    """The default draws one at random."""


def load_weights(path: Path, gpu_layers: int, *, setting: str) -> Any:
    """Load a file's weights; takes seconds to minutes.

    Raises:
        Misconfigured: llama.cpp refuses the file, which `setting` names.
    """
    native.llama_log_set(_log, ctypes.c_void_p(0))
    native.llama_backend_init()
    params = native.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    model = native.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise Misconfigured(f"{setting}: llama.cpp cannot load {str(path)!r}; its log says why")
    return model


class Model:
    """Weights, vocabulary and one context that holds `sequences` sequences in `cells` cells."""

    def __init__(
        self,
        path: Path,
        *,
        context: int,
        gpu_layers: int,
        threads: int,
        batch: int,
        sequences: int,
        spare: int = 0,
    ) -> None:
        """Load; takes seconds to minutes.

        Args:
            path: of a GGUF file.
            context: tokens that a prompt and its answer may have together; 0 for the model's own.
            gpu_layers: on the GPU; -1 for all.
            threads: that compute.
            batch: tokens computed at once, at most.
            sequences: that are held at the same time.
            spare: cells beyond the window, at most, where the model completes between two texts.

        Raises:
            Misconfigured: llama.cpp refuses the file, or the memory does not suffice.
        """
        self._model = self._load(path, gpu_layers)
        self.vocab = native.llama_model_get_vocab(self._model)
        self.vocab_size = native.llama_vocab_n_tokens(self.vocab)
        self.token_ids = memoryview(array("i", range(self.vocab_size)))
        """Every token, in order: what a sampler begins with."""
        self.context = self._window(context)
        self.batch = min(batch, self.context)
        self.fim = self._fim()
        """The tokens around the texts that a completion stands between; None where the model has none."""
        self.cells = self.context + (min(spare, self.context // _SPARE_SHARE) if self.fim else 0)
        self._context = self._open(threads, sequences)
        self._memory = native.llama_get_memory(self._context)
        self._batch = native.llama_batch_init(self.batch, 0, 1)
        self.template = _text(native.llama_model_chat_template(self._model, None))
        self.bos = self._special(native.llama_vocab_bos(self.vocab))
        self.eos = self._special(native.llama_vocab_eos(self.vocab))
        self._adds_bos = bool(native.llama_vocab_get_add_bos(self.vocab))

    def _load(self, path: Path, gpu_layers: int) -> Any:
        model = load_weights(path, gpu_layers, setting="local.model")
        if native.llama_model_has_encoder(model) or not native.llama_model_has_decoder(model):
            raise Misconfigured(
                f"local.model: {str(path)!r} does not generate text; give a chat model (one that makes "
                "embeddings is set as local.embedding_model)"
            )
        return model

    def _window(self, context: int) -> int:
        trained = native.llama_model_n_ctx_train(self._model)
        if context > trained:
            raise Misconfigured(
                f"local.context: {context} is more than the {trained} tokens this model was trained for; "
                f"use at most {trained}, or 0 for the model's own"
            )
        return context or trained

    def _open(self, threads: int, sequences: int) -> Any:
        params = native.llama_context_default_params()
        params.n_ctx = self.cells
        params.n_batch = params.n_ubatch = self.batch
        params.n_seq_max = sequences
        # One shared pool of cells: kept prefixes cost no memory beyond the window.
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        opened = native.llama_init_from_model(self._model, params)
        if not opened:
            raise Misconfigured(
                f"local.context: no memory for a window of {self.context} tokens; "
                "lower local.context or local.gpu_layers"
            )
        return opened

    def _special(self, token: int) -> str:
        return "" if token < 0 else self.piece(token, special=True).decode(errors="replace")

    def tokenize(self, text: str, *, start: bool, special: bool = True) -> list[int]:
        """Tokenise prompt text.

        Args:
            text: such as the template rendered.
            start: whether this opens the prompt, so that the model's BOS belongs before it.
            special: whether control tokens written out in it are recognised.
        """
        data = text.encode()
        add_bos = start and self._adds_bos and not (self.bos and text.startswith(self.bos))
        size = len(data) + 8
        tokens = (native.llama_token * size)()
        count = native.llama_tokenize(self.vocab, data, len(data), tokens, size, add_bos, special)
        if count < 0:
            raise DecodeFailed("the prompt cannot be tokenised")
        return list(tokens[:count])

    def _fim(self) -> FimTokens | None:
        named = {name: getattr(native, f"llama_vocab_fim_{name}")(self.vocab) for name in NAMES}
        return find_tokens(named, self._control, self._meta("general.name").lower())

    def _control(self, text: str) -> int | None:
        """The one special token that is spelled so."""
        data = text.encode()
        tokens = (native.llama_token * (len(data) + 8))()
        if native.llama_tokenize(self.vocab, data, len(data), tokens, len(tokens), False, True) != 1:
            return None
        special = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_USER_DEFINED
        return tokens[0] if native.llama_vocab_get_attr(self.vocab, tokens[0]) & special else None

    def _meta(self, name: str) -> str:
        """What the file says under a name; empty where it says nothing."""
        buffer = ctypes.create_string_buffer(_NAME_LENGTH)
        size = native.llama_model_meta_val_str(self._model, name.encode(), buffer, _NAME_LENGTH)
        return buffer.value.decode(errors="replace") if size >= 0 else ""

    def piece(self, token: int, *, special: bool) -> bytes:
        """Return a token's bytes; a control token's only where `special`."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = native.llama_token_to_piece(self.vocab, token, buffer, size, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def is_end(self, token: int) -> bool:
        """Whether the model ends its turn with `token`."""
        return bool(native.llama_vocab_is_eog(self.vocab, token))

    def control_texts(self) -> tuple[str, ...]:
        """Return how the vocabulary's control tokens are written, e.g. `<|im_end|>`."""
        return tuple(
            text
            for token in range(self.vocab_size)
            if native.llama_vocab_is_control(self.vocab, token)
            and len(text := self.piece(token, special=True).decode(errors="replace")) > 1
        )

    def keep(self, sequence: int, count: int) -> bool:
        """Drop all but the first `count` tokens of `sequence`; False where all had to go."""
        if count and native.llama_memory_seq_pos_min(self._memory, sequence) > 0:
            count = -1  # a sliding window has lost the start
        if count > 0 and native.llama_memory_seq_rm(self._memory, sequence, count, -1):
            return True
        # Recurrent models cannot be cut; dropping everything never fails.
        native.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return count == 0

    def decode(self, entries: Sequence[Entry]) -> None:
        """Compute one batch of at most `batch` tokens.

        Raises:
            DecodeFailed: the batch was not computed.
        """
        if not 0 < len(entries) <= self.batch:
            raise DecodeFailed(f"a batch of {len(entries)} tokens, not 1 to {self.batch}")
        batch = self._batch
        batch.n_tokens = len(entries)
        for i, entry in enumerate(entries):
            batch.token[i] = entry.token
            batch.pos[i] = entry.position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = entry.sequence
            batch.logits[i] = entry.output
        code = native.llama_decode(self._context, batch)
        if code:
            raise DecodeFailed(f"llama_decode returned {code}")

    def logits(self, index: int) -> Any:
        """Point at the logits after the batch's entry `index`: `vocab_size` floats."""
        return native.llama_get_logits_ith(self._context, index)


def _text(value: bytes | None) -> str:
    return value.decode(errors="replace") if value else ""
