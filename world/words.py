"""Prompts of the little world: a tokenizer of words and a small text encoder.

A prompt is cut into words; each is a row of a table; two transformer blocks mix them (Vaswani et al. 2017,
pre-norm). Prompts are padded to `LENGTH` tokens with token 0: the empty prompt is all padding.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from .scenes import COLORS, FLOORS, SHAPES, WALLS

LENGTH, WIDTH, ROWS = 24, 64, 64  # tokens in a prompt, numbers in a token, rows of the table
SYNONYMS = {
    "sphere": "ball",
    "box": "cube",
    "block": "cube",
    "wood": "wooden",
    "grass": "grassy",
    "grey": "gray",
}
_GRAMMAR = ("a", "an", "on", "the", "in", "of", "left", "right", "middle", "floor", "wall")
_REST = ("at", "noon", "sunset", "night", "with", "window")
WORDS = ("", *_GRAMMAR, *_REST, *COLORS, *SHAPES, *FLOORS, *WALLS)
_NUMBER = {word: number for number, word in enumerate(WORDS)}


def split(prompt: str) -> list[str]:
    """Return the prompt's words, in small letters and with synonyms replaced.

    Raises ValueError, with the words it does not know, or if there are more than `LENGTH`.
    """
    words = [SYNONYMS.get(word, word) for word in re.findall(r"[^\W_]+", prompt.lower())]
    unknown = sorted(set(words) - set(WORDS))
    if unknown:
        raise ValueError(
            f"the little world does not know {', '.join(unknown)} in {prompt!r}; "
            f"it knows: {' '.join(sorted(WORDS[1:]))}"
        )
    if len(words) > LENGTH:
        raise ValueError(f"got a prompt of {len(words)} words; expected at most {LENGTH}; shorten it")
    return words


def tokens(prompts: list[str]) -> Tensor:
    """Return the prompts as numbers of words, padded with 0: (B, LENGTH), int64."""
    rows = [[_NUMBER[word] for word in split(prompt)] for prompt in prompts]
    return torch.tensor([row + [0] * (LENGTH - len(row)) for row in rows], dtype=torch.int64)


class TextEncoder(nn.Module):
    """Tokens (B, LENGTH) to context (B, LENGTH, WIDTH)."""

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(ROWS, WIDTH)
        self.place = nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, numbers: Tensor) -> Tensor:
        x = self.word(numbers) + self.place.to(self.word.weight.dtype)  # (B, L, W)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
