"""Which memory an architecture keeps between tokens, as llama.cpp builds it (read in the source of llama 0.5.0-dev).

Names are those of `general.architecture`. What is not listed here is counted as if every layer kept the whole context,
which is never too little for a model that only has attention.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Windowed:
    """Of every `period` layers all but one look back over a window only; the header may say it layer by layer."""

    period: int
    whole_first: bool = False
    window: int = 0  # where the header has none
    fixed: bool = False  # the header can only switch it off


WINDOWED: dict[str, Windowed] = {
    "cohere2": Windowed(4),
    "gemma2": Windowed(2, window=4096),
    "gemma3": Windowed(6),
    "gemma3n": Windowed(5),
    "gpt-oss": Windowed(2),
    "llama4": Windowed(4, window=8192, fixed=True),
    "olmo2": Windowed(4),
    "plamo3": Windowed(8),
    "smallthinker": Windowed(4, whole_first=True, window=4096),
}
# These name their window layers one by one in the header, and have no rule without it.
WINDOWED_BY_LIST = frozenset({"gemma4", "granite_swa", "mimo2", "step35"})

# They read the whole input at once and keep nothing.
WITHOUT_CACHE = frozenset(
    {
        "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe",
        "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "rnd1",
    }
)  # fmt: skip

# One state of fixed size per sequence instead of a cache that grows.
RECURRENT = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
# Layers without key-value heads are the recurrent ones.
HYBRID_BY_HEADS = frozenset(
    {
        "granitehybrid", "jamba", "kimi-linear", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "plamo2",
    }
)  # fmt: skip
# Every fourth layer keeps a cache unless the header says otherwise.
HYBRID_BY_INTERVAL: dict[str, int] = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
# Each layer has both.
HYBRID_BOTH = frozenset({"falcon-h1"})

# They keep more than keys and values of each layer (indexer keys, compressed blocks, an encoder's output, the same
# layers several times over), and we have no formula.
OF_THEIR_OWN = frozenset(
    {
        "bailingmoe3", "deepseek32", "deepseek4", "dflash", "dots3note", "eagle3", "gemma4-assistant", "glm-dsa",
        "glm5-next", "graniteswitch", "hy_v4", "kimi-k3", "minimax-01", "minimax-m3", "nanbeige", "qwen4exp", "t5",
        "t5encoder",
    }
)  # fmt: skip

# Not models that answer in text.
NOT_LANGUAGE = frozenset({"clip", "pockettts", "qwen3tts", "wavtokenizer-dec"})

# Attention over the whole context, in each layer.
PLAIN = frozenset(
    {
        "apertus", "arcee", "arctic", "baichuan", "bailingmoe", "bailingmoe2", "bitnet", "bloom", "chameleon",
        "chatglm", "codeshell", "cogvlm", "command-r", "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr",
        "dots1", "ernie4_5", "ernie4_5-moe", "exaone", "falcon", "gemma", "glm4", "glm4moe", "gpt2", "gptj",
        "gptneox", "granite", "granitemoe", "grok", "grovemoe", "hrm_text", "hunyuan-dense", "hunyuan-moe",
        "hunyuan_vl", "hy_v3", "internlm2", "jais", "jais2", "llama", "llama-embed", "maincoder", "minicpm",
        "minicpm3", "minimax-m2", "mistral3", "mistral4", "mpt", "nemotron", "olmo", "olmoe", "openelm", "orion",
        "paddleocr", "pangu-embedded", "phi2", "phi3", "phimoe", "plamo", "plm", "qwen", "qwen2", "qwen2moe",
        "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe", "refact", "seed_oss", "smollm3", "stablelm",
        "starcoder", "starcoder2", "talkie", "xverse",
    }
)  # fmt: skip
# They have windows too, by rules of their own: counted as whole, which is more than they take.
COUNTED_WHOLE = frozenset(
    {
        "afmoe", "cohere2moe", "exaone-moe", "exaone4", "laguna", "maple", "mellum", "muse-glimmer", "spark2_5",
    }
)  # fmt: skip

KNOWN = frozenset(WINDOWED) | WINDOWED_BY_LIST | WITHOUT_CACHE | RECURRENT | HYBRID_BY_HEADS | HYBRID_BOTH
KNOWN |= frozenset(HYBRID_BY_INTERVAL) | OF_THEIR_OWN | NOT_LANGUAGE | PLAIN | COUNTED_WHOLE

# Keys that tell of a memory beside keys and values: an architecture we do not know must not have them.
SIGNS_OF_OTHER_MEMORY = (
    *("ssm.", "wkv.", "kda.", "shortconv.", "attention.indexer.", "attention.recurrent_layers"),
    *("full_attention_interval", "num_loops"),
)
# The last layers read what an earlier one keeps.
KEEPS_UP_TO_LAYER: dict[str, int] = {"gemma3n": 20}
