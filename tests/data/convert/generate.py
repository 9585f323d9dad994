"""Makes the folders beside this file: tiny models as other programs store them,
and in expected.json the logits that those programs compute.

    pip install torch transformers==5.23.0 && python3 generate.py

Only needed to change the data: the tests read the stored files.
"""

import json
import os

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = [3, 17, 17, 0, 9, 22, 5, 1, 11]


def folder(name):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    return path


def write_expected(path, logits):
    """Logits of every position: [tokens, vocab]."""
    with open(os.path.join(path, "expected.json"), "w") as f:
        json.dump({"tokens": TOKENS, "logits": logits.tolist()}, f)
        f.write("\n")


def llama(name, dtype=torch.float32, max_shard_size="1GB", **changes):
    torch.manual_seed(1)
    config = LlamaConfig(**{**dict(
        vocab_size=23, hidden_size=8, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=6,
        intermediate_size=10, max_position_embeddings=32, rope_theta=500.0,
        rms_norm_eps=1e-3, initializer_range=0.5, bos_token_id=None,
        eos_token_id=[22, 21]), **changes})
    model = LlamaForCausalLM(config).to(dtype)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # gains
            torch.nn.init.normal_(parameter, 1, 0.2)
    path = folder(name)
    model.save_pretrained(path, max_shard_size=max_shard_size)
    # Read again: conversions have rounded the rotary angles, too.
    model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits[0]
    os.remove(os.path.join(path, "generation_config.json"))
    write_expected(path, logits)


def rotate(x, theta=10000.0):
    """x [tokens, heads, dim]; pairs (2i, 2i + 1) turn as complex numbers."""
    tokens, _, dim = x.shape
    speed = theta ** (-torch.arange(0, dim, 2).double() / dim)
    angle = torch.arange(tokens).double()[:, None, None] * speed
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    turned = turned * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(turned).flatten(2)


def norm(x, gain, eps):
    return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * gain


def attention(x, w, prefix, heads, cog):
    q, k, v = (
        (x @ w[prefix + name]).unflatten(-1, (heads, -1)) for name in
        ("qw", "kw", "vw"))
    p = torch.einsum("thd,shd->hts", rotate(q), rotate(k)) / q.shape[-1] ** 0.5
    future = torch.ones(p.shape[1:]).triu(1).bool()
    size = p.abs() if cog else p
    a = size.masked_fill(future, -torch.inf).softmax(-1)
    if cog:
        a = a * p.sign()
    return torch.einsum("hts,shd->thd", a, v).flatten(1) @ w[prefix + "ow"]


def authors_logits(w, config):
    """The network that the published Cogformer describes, in float64."""
    w = {name: tensor.double() for name, tensor in w.items()}
    x = w["embedding.weight"][TOKENS]
    last = config["n_layers"] - 1
    for i in range(config["n_layers"]):
        layer = f"layers.{i}."
        y = norm(x, w[layer + "attention_norm.weight"], config["norm_eps"])
        x = x + attention(y, w, layer + "attention.", config["n_heads"],
                          cog=0 < i < last)
        y = norm(x, w[layer + "ffn_norm.weight"], config["norm_eps"])
        ffn = layer + "ffn.shared_experts.0."
        gate = torch.nn.functional.silu(y @ w[ffn + "pw"])
        x = x + (y @ w[ffn + "gw"] * gate) @ w[ffn + "ow"]
    return norm(x, w["norm.weight"], config["norm_eps"]) @ w["output.weight"].T


def authors(name):
    torch.manual_seed(2)
    config = dict(vocab_size=23, n_layers=3, max_seq_length=32, dim=8,
                  n_heads=3, head_dim=6, hidden_dim=10, norm_eps=1e-3,
                  attn_type="np", shared_expert_recipe=[1])
    w = {}
    for i in range(config["n_layers"]):
        layer = f"layers.{i}."
        for matrix in ("qw", "kw", "vw"):
            w[layer + "attention." + matrix] = torch.randn(8, 18) * 0.5
        w[layer + "attention.ow"] = torch.randn(18, 8) * 0.5
        for matrix in ("gw", "pw"):
            w[layer + "ffn.shared_experts.0." + matrix] = torch.randn(8, 10)
        w[layer + "ffn.shared_experts.0.ow"] = torch.randn(10, 8) * 0.5
        for gain in ("attention_norm", "ffn_norm"):
            w[layer + gain + ".weight"] = 1 + 0.2 * torch.randn(8)
    w["embedding.weight"] = torch.randn(23, 8)
    w["norm.weight"] = 1 + 0.2 * torch.randn(8)
    w["output.weight"] = torch.randn(23, 8)
    w["shortcut_bar"] = torch.zeros(15)  # a buffer
    path = folder(name)
    save_file(w, os.path.join(path, "model.safetensors"))
    with open(os.path.join(path, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
    write_expected(path, authors_logits(w, config))


llama("llama", max_shard_size="4KB")
llama("llama_tied", dtype=torch.bfloat16, tie_word_embeddings=True,
      num_key_value_heads=4, head_dim=2)
llama("llama_half", dtype=torch.float16, num_key_value_heads=1)
authors("authors")
