#!/usr/bin/env python3
"""Times a training step of the same model in PyTorch, as a yardstick.

    compare_pytorch.py [--seq 512] [--batch 8] [--bf16] [--softmax] [--compile]

The shape is that of configs/bench_h512.pbtxt: 8 layers, hidden 512, 8 heads, ffn
1408, vocabulary 4096; Cog attention in all but the first and last layer unless
--softmax. Prints tokens/s, model FLOP/s, and their share of PyTorch's own rate
in 1024-cubed matrix products of the same precision. Compare with

    cogdist bench configs/bench_h512.pbtxt

on the same machine with as many threads. Needs PyTorch, which nothing else here
does.
"""
import argparse
import time

import torch
import torch.nn.functional as F

LAYERS, HIDDEN, HEADS, FFN, VOCAB = 8, 512, 8, 1408, 4096


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Block(torch.nn.Module):
    def __init__(self, cog):
        super().__init__()
        self.cog = cog
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.norm1 = torch.nn.RMSNorm(HIDDEN, eps=1e-6)
        self.norm2 = torch.nn.RMSNorm(HIDDEN, eps=1e-6)
        self.qkv, self.o = linear(HIDDEN, 3 * HIDDEN), linear(HIDDEN, HIDDEN)
        self.gate_up = linear(HIDDEN, 2 * FFN)
        self.down = linear(FFN, HIDDEN)

    def attend(self, q, k, v, mask):
        if not self.cog:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        p = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        w = p.abs().masked_fill(mask, float("-inf")).softmax(-1, torch.float32)
        return (p.sign() * w.to(p.dtype)) @ v

    def forward(self, x, cos, sin, mask):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3 * HEADS, -1).transpose(1, 2).split(HEADS, 1)
        o = self.attend(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)
        x = x + self.o(o.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(torch.nn.Module):
    def __init__(self, softmax):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCAB, HIDDEN)
        self.blocks = torch.nn.ModuleList(
            Block(not softmax and 0 < i < LAYERS - 1) for i in range(LAYERS))
        self.norm = torch.nn.RMSNorm(HIDDEN, eps=1e-6)
        self.head = torch.nn.Linear(HIDDEN, VOCAB, bias=False)

    def forward(self, ids, targets, cos, sin, mask):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        logits = self.head(self.norm(x)).float()
        return F.cross_entropy(logits.reshape(-1, VOCAB), targets.reshape(-1))


def median_seconds(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def gemm_rate(dtype):
    a = torch.randn(1024, 1024).to(dtype)
    a @ a
    return 2 * 1024**3 / median_seconds(lambda: a @ a, 20)


def flops_per_token(seq):
    matmul = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * FFN) + VOCAB * HIDDEN
    return 6 * matmul + 12 * LAYERS * HIDDEN * seq / 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seq", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    for flag in ("bf16", "softmax", "compile"):
        parser.add_argument("--" + flag, action="store_true")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    dtype = torch.bfloat16 if args.bf16 else torch.float32

    torch.manual_seed(0)
    model = Model(args.softmax)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    angles = torch.outer(torch.arange(args.seq), 10000 ** (-torch.arange(0, 1, 2 / (HIDDEN // HEADS))))
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    mask = torch.ones(args.seq, args.seq, dtype=torch.bool).triu(1)
    ids = torch.randint(VOCAB, (args.batch, args.seq + 1))
    run = torch.compile(model) if args.compile else model

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss = run(ids[:, :-1], ids[:, 1:], cos, sin, mask)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step(), step()
    tokens_per_second = args.batch * args.seq / median_seconds(step, args.steps)
    flops = tokens_per_second * flops_per_token(args.seq)
    print(f"{tokens_per_second:.0f} tokens/s, {flops / 1e9:.1f} GFLOP/s, "
          f"{100 * flops / gemm_rate(dtype):.1f} % of PyTorch's matrix product rate "
          f"({torch.get_num_threads()} threads, PyTorch {torch.__version__})")


if __name__ == "__main__":
    main()
