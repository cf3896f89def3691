"""A language model of a million random weights: nothing is downloaded, and a CPU trains it in minutes.

Its tokenizer is a byte-level BPE learnt from the texts that it will read. Merges may cross words, so that the common
part of all prompts becomes a few tokens. Every digit stays its own token, except in words that many texts share. The
model knows nothing: it shows that training works, not how well a language model would do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

PAD, BEGIN, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


_COMMON = 0.1
"""A word with digits, such as the time, is one token if at least this share of the texts has it."""


def tiny_tokenizer(texts: Sequence[str] = (), size: int = 2048) -> Any:
    """Makes a tokenizer; without texts every byte is a token."""
    tokenizer = Tokenizer(models.BPE())
    words = Counter(word for text in texts for word in set(re.findall(r"[\w.:+-]*\d[\w.:+-]*", text)))
    common = sorted(word for word, count in words.items() if count > _COMMON * len(texts) and len(word) > 2)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.add_tokens(common)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def tiny_model(tokenizer: Any, seed: int = 0, hidden: int = 128, layers: int = 3, context: int = 4096) -> Any:
    """Makes a model with random weights for a tokenizer."""
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)
