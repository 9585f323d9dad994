"""Makes NAME.json and NAME_expected.json with Hugging Face Tokenizers 0.23.

    pip install tokenizers==0.23.3 && python3 generate.py

Only needed to change the data: the tests read the stored files. The tokenizers
are trained on corpus.txt, which was written for this purpose.
"""

import json
import random
import unicodedata

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, trainers)
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
AWKWARD = ("' ſ 's 'S 'ſ 're 'LL \r\n \n\n \t \x0b \x0c \x00 \x1f \x7f \x85 "
           "\xa0 \xad \u1680 \u180e \u2003 \u200b \u200d \u2028 \u202f \u205f "
           "\u3000 \ufeff \ufffd \uffff \U0010ffff \u0301 e\u0301 A\u030a \u212b "
           "\ufb01 \u0323\u0307 \ud7a3 \u1100\u1161 <|endoftext|> <mask> <|end|> "
           "<|end|>x <|endof Ångström A\u030angstro\u0308m").split(" ")


def byte_level(regex=True, prefix=False):
    return ByteLevel(add_prefix_space=prefix, use_regex=regex)


def train(pre_tokenizer, normalizer=None, ignore_merges=False, added=()):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=["<|endoftext|>"], min_frequency=2,
        initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([open("corpus.txt", newline="").read()],
                                  trainer)
    for token in added:
        if token.special:
            tokenizer.add_special_tokens([token])
        else:
            tokenizer.add_tokens([token])
    return tokenizer


TOKENIZERS = {
    "gpt2": train(byte_level()),
    "llama3": train(
        Sequence([Split(Regex(LLAMA3), "isolated"), byte_level(False)]),
        ignore_merges=True,
        added=[AddedToken("<|end|>", special=True),
               AddedToken("<|end|>x", special=True)]),
    "nfc": train(
        Sequence([Digits(individual_digits=True),
                  Split(Regex(GPT4O), "removed", invert=True),
                  byte_level(False)]),
        normalizer=normalizers.NFC(),
        added=[AddedToken("Ångström", normalized=True, special=False)]),
    "prefix_space": train(
        byte_level(prefix=True),
        added=[AddedToken("<mask>", lstrip=True, special=True),
               AddedToken("<|end|>", rstrip=True, special=True)]),
}


def random_character(rng):
    while True:
        limit = rng.choice([0x80, 0x800, 0x3000, 0x10000, 0x110000])
        character = chr(rng.randrange(limit))
        # PCRE2 10.42 knows the characters of Unicode 14.
        if unicodedata.category(character) not in ("Cn", "Cs"):
            return character


def texts():
    rng = random.Random(1)
    corpus = open("corpus.txt", newline="").read()
    yield from ["", " ", "a", corpus, "a" * 3000, "\n" * 50, " " * 99 + "x",
                "\r\n".join(corpus.split("\n")[:3])]
    yield from (" ".join(AWKWARD), "".join(AWKWARD))
    for _ in range(60):
        parts = []
        for _ in range(rng.randrange(1, 12)):
            begin = rng.randrange(len(corpus))
            parts.append(rng.choice([
                corpus[begin:begin + rng.randrange(20)],
                rng.choice(AWKWARD) * rng.choice([1, 1, 2]),
                rng.choice(" \n\t") * rng.randrange(5),
                "".join(random_character(rng) for _ in range(4))]))
        yield "".join(parts)


for name, tokenizer in TOKENIZERS.items():
    data = json.loads(tokenizer.to_str())
    if name == "gpt2":  # files from before Tokenizers 0.20
        data["model"]["merges"] = [
            " ".join(merge) for merge in data["model"]["merges"]]
    with open(f"{name}.json", "w") as file:
        json.dump(data, file, ensure_ascii=False, separators=(",", ":"))
    tokenizer = Tokenizer.from_file(f"{name}.json")
    with open(f"{name}_expected.json", "w") as file:
        cases = ({"text": text, "ids": tokenizer.encode(
            text, add_special_tokens=False).ids} for text in texts())
        lines = [json.dumps(c, separators=(",", ":")) for c in cases]
        file.write("[\n" + ",\n".join(lines) + "\n]\n")
