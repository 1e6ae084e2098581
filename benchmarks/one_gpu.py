"""Measure one GPU with plain PyTorch: products, attention, memory, training steps and serving, a CSV row each.

    python benchmarks/one_gpu.py > rows.csv                # all kinds, five minutes on an H100
    python benchmarks/one_gpu.py gemm memory > rows.csv    # kinds by name: memory, gemm, attention, serve, step

Needs PyTorch 2.6 or later with CUDA and nothing of this repository. Every row is the median of runs after a warm-up,
timed by events on the device, with the 10th and the 90th percentile; inputs are random normal numbers. Small work is
timed as a CUDA graph, over as many copies of its inputs as the cache cannot hold. A case that fails (memory, a format
that the GPU lacks) is said on stderr and has no row.

Columns: `kind`; `precision`; `m`, `n`, `k` of a product of m rows by a weight of n x k; `backend`, the kernel of
attention or what a stream of memory does; `model` with its shape; `sequences` and `seq_len` of one forward pass (of a
decode step: requests, and tokens that each attends to); `compiled`, `microbatches` and `recompute` of a step; `bytes`
moved; `time_s`, `low_s`, `high_s`, `repeats`; `memory_gb` at most; `power_w` and `clock_mhz` while it ran, where the
driver says so. `benchmarks/one_gpu_beside.py` puts the cluster core's answers beside such rows.
"""

from __future__ import annotations

import csv
import datetime
import gc
import math
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

os.environ.setdefault("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")  # its key leaves out the kernel of attention

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

GPU, BF16, FP8 = "cuda", torch.bfloat16, torch.float8_e4m3fn
CACHE_BYTES = 256 * 2**20  # several times the L2 cache of any GPU
SECONDS = 0.4  # of timed runs; a step takes STEPS runs at least
STEPS = 3
Row = dict[str, Any]


class Shape(NamedTuple):
    """A dense transformer: rotary positions, RMSNorm, no biases, tied or untied embeddings."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    gated: int
    vocab: int
    tied: int


SHAPES = {
    "gpt-350m": Shape(24, 1024, 16, 16, 64, 4096, 0, 50304, 1),
    "gpt-1.3b": Shape(24, 2048, 16, 16, 128, 8192, 0, 50304, 1),
    "llama-3.2-1b": Shape(16, 2048, 32, 8, 64, 8192, 1, 128256, 1),
    "llama-3.2-3b": Shape(28, 3072, 24, 8, 128, 8192, 1, 128256, 1),
    "llama-3-8b": Shape(32, 4096, 32, 8, 128, 14336, 1, 128256, 0),
}
LARGE = (  # m, n, k: tokens by a layer's weights
    (1024, 4096, 4096), (2048, 4096, 4096), (4096, 4096, 4096), (8192, 4096, 4096), (32768, 4096, 4096),
    (1024, 28672, 4096), (4096, 28672, 4096), (16384, 28672, 4096), (4096, 4096, 14336), (16384, 4096, 14336),
    (16384, 1024, 1024), (16384, 4096, 1024), (16384, 1024, 4096), (16384, 2048, 2048), (16384, 8192, 2048),
    (16384, 2048, 8192), (8192, 3072, 3072), (8192, 8192, 8192), (8192, 28672, 8192), (8192, 8192, 28672),
    (4096, 16384, 16384), (8192, 53248, 16384), (8192, 128256, 4096),
)  # fmt: skip
SMALL = tuple((m, n, k) for n, k in ((4096, 4096), (28672, 4096), (8192, 28672)) for m in (1, 8, 32, 64, 128, 256, 512))
ATTENTION = (  # sequences, tokens of each, heads, key-value heads, head width
    (32, 512, 32, 32, 128), (16, 1024, 32, 32, 128), (8, 2048, 32, 32, 128), (4, 4096, 32, 32, 128),
    (2, 8192, 32, 32, 128), (1, 16384, 32, 32, 128), (1, 32768, 32, 32, 128), (2, 8192, 32, 8, 128),
    (8, 2048, 16, 16, 64), (2, 8192, 32, 8, 64),
)  # fmt: skip
TRAINED = (  # compiled or not, kernel of attention, model, sequences, tokens of each, what is recomputed
    (True, "flash", "gpt-350m", 8, 2048, ("none", "full")), (True, "flash", "gpt-1.3b", 8, 2048, ("none", "full")),
    (True, "flash", "llama-3.2-1b", 4, 4096, ("none", "full")), (True, "flash", "llama-3.2-1b", 2, 8192, ("none",)),
    (True, "cudnn", "gpt-1.3b", 8, 2048, ("none",)), (True, "cudnn", "llama-3.2-1b", 2, 8192, ("none",)),
    (True, "flash", "llama-3.2-3b", 2, 4096, ("full",)), (True, "flash", "llama-3.2-3b", 1, 8192, ("full",)),
    (True, "flash", "gpt-350m", 4, 2048, ("none",)), (False, "flash", "gpt-350m", 4, 2048, ("none",)),
    (True, "flash", "gpt-1.3b", 2, 2048, ("none",)), (False, "flash", "gpt-1.3b", 2, 2048, ("none",)),
)  # fmt: skip
MICROBATCHES = (1, 4)
DECODED = (  # model, tokens that each request attends to, requests
    ("llama-3-8b", 1024, (1, 4, 16, 64, 128, 256)), ("llama-3-8b", 4096, (1, 16, 64)),
    ("llama-3.2-1b", 1024, (1, 64, 256)),
)  # fmt: skip
PREFILLED = (  # kernel of attention, model, sequences, tokens of each
    ("flash", "llama-3-8b", 1, 512), ("flash", "llama-3-8b", 1, 2048), ("flash", "llama-3-8b", 1, 8192),
    ("cudnn", "llama-3-8b", 1, 8192), ("flash", "llama-3-8b", 8, 1024), ("flash", "llama-3.2-1b", 1, 2048),
)  # fmt: skip
KERNELS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}


def timed(work: Callable[[], object], seconds: float = SECONDS, least: int = 7) -> Row:
    """Time a call: once to warm up, once to see how long it takes, then for `seconds` and at least `least` times."""
    torch.cuda.reset_peak_memory_stats()
    work()
    once = max(durations(work, 1)[0][0], 1e-6)
    found, drawn = durations(work, min(max(least, math.ceil(seconds / once)), 400))
    deciles = statistics.quantiles(found, n=10, method="inclusive")
    return {"time_s": statistics.median(found), "low_s": deciles[0], "high_s": deciles[-1], "repeats": len(found),
            "memory_gb": torch.cuda.max_memory_allocated() / 1e9} | drawn  # fmt: skip


def durations(work: Callable[[], object], runs: int) -> tuple[list[float], Row]:
    """Time runs one after the other by events between them, in seconds; and what the GPU drew meanwhile."""
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(runs + 1)]
    marks[0].record()
    for mark in marks[1:]:
        work()
        mark.record()
    drawn = sensors()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) / 1e3 for a, b in pairwise(marks)], drawn


def sensors() -> Row:
    """Read power and clock; nothing where the driver's library is not installed."""
    try:
        return {"power_w": torch.cuda.power_draw() / 1e3, "clock_mhz": torch.cuda.clock_rate()}
    except (ImportError, RuntimeError, AttributeError):
        return {}


def graphed(work: Callable[[], object]) -> Callable[[], object]:
    """Capture a call as a CUDA graph, so that a replay is one launch."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def random(*size: int, dtype: torch.dtype = BF16) -> Tensor:
    """Draw a tensor of normal numbers."""
    return torch.randn(size, device=GPU, dtype=BF16).to(dtype)


def each_timed(work: Callable[[int], object], copies: int) -> Row:
    """Time the mean of a call over copies of its inputs, launched as one graph."""
    found = timed(graphed(lambda: [work(i) for i in range(copies)]))
    return found | {name: found[name] / copies for name in ("time_s", "low_s", "high_s")}


def product(m: int, n: int, k: int, low: bool) -> Row:
    """Time x [m, k] by a weight [n, k]; at 8 bits with one scale a tensor and output in BF16."""
    dtype = FP8 if low else BF16
    copies = math.ceil(CACHE_BYTES / ((m * k + n * k) * dtype.itemsize + 2 * m * n))
    pairs = [(random(m, k, dtype=dtype), random(n, k, dtype=dtype).t()) for _ in range(copies)]
    one = torch.ones((), device=GPU)

    def work(i: int) -> Tensor:
        x, weight = pairs[i]
        if low:
            return torch._scaled_mm(x, weight, scale_a=one, scale_b=one, out_dtype=BF16, use_fast_accum=True)
        return torch.mm(x, weight)

    return {"precision": "fp8" if low else "bf16", "m": m, "n": n, "k": k} | each_timed(work, copies)


def gemm() -> Iterator[Callable[[], Iterable[Row]]]:
    """Products of training's shapes, and of decode steps with few rows."""
    for kind, shapes in (("gemm", LARGE), ("gemm_small", SMALL)):
        for m, n, k in shapes:
            for low in (False, True):
                if m >= 16 or not low:
                    yield lambda kind=kind, of=(m, n, k, low): [{"kind": kind} | product(*of)]


def core(backend: str, sequences: int, seq_len: int, heads: int, kv_heads: int, head_dim: int) -> list[Row]:
    """Time causal attention, forward and backward."""
    sizes = [(sequences, h, seq_len, head_dim) for h in (heads, kv_heads, kv_heads)]
    q, k, v = (random(*size).requires_grad_() for size in sizes)
    gradient = random(*sizes[0])
    shape = {"backend": backend, "precision": "bf16", "sequences": sequences, "seq_len": seq_len, "heads": heads,
             "kv_heads": kv_heads, "head_dim": head_dim}  # fmt: skip
    with sdpa_kernel(KERNELS[backend]):
        forward = lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv_heads)  # noqa: E731
        out = forward()
        backward = lambda: torch.autograd.grad(out, (q, k, v), gradient, retain_graph=True)  # noqa: E731
        return [{"kind": f"attention_{way}"} | shape | timed(work)
                for way, work in (("forward", forward), ("backward", backward))]  # fmt: skip


def attention() -> Iterator[Callable[[], Iterable[Row]]]:
    """Causal attention by both of PyTorch's kernels."""
    for backend in KERNELS:
        for of in ATTENTION:
            yield lambda backend=backend, of=of: core(backend, *of)


def memory() -> Iterator[Callable[[], Iterable[Row]]]:
    """Copies, sums and additions of 4 GiB, counting bytes read and written."""

    def streams() -> list[Row]:
        a, b, c = (random(2**31) for _ in range(3))
        works = {"copy": (lambda: b.copy_(a), 8), "sum": (lambda: a.sum(), 4),
                 "add": (lambda: torch.add(a, b, out=c), 12)}  # fmt: skip
        return [{"kind": "memory", "backend": name, "precision": "bf16", "bytes": 2**30 * gib} | timed(work)
                for name, (work, gib) in works.items()]  # fmt: skip

    yield streams


class Linear(nn.Linear):
    """A product in BF16 whatever the weight is kept in."""

    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        super().__init__(inputs, outputs, bias=False, device=GPU, dtype=dtype)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Turn x [sequences, tokens, heads, width] by angles [2, tokens, 1, width / 2]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * angles[0] - second * angles[1], second * angles[0] + first * angles[1]), dim=-1)


class Block(nn.Module):
    """One layer. With a cache of keys and values, a prefill fills its beginning and a decode step its last place."""

    def __init__(self, s: Shape, dtype: torch.dtype) -> None:
        super().__init__()
        self.s, width, kept = s, s.heads * s.head_dim, s.kv_heads * s.head_dim
        self.norms = nn.ParameterList(torch.ones(s.hidden, device=GPU, dtype=dtype) for _ in range(2))
        self.qkv, self.out = Linear(s.hidden, width + 2 * kept, dtype), Linear(width, s.hidden, dtype)
        self.up, self.down = Linear(s.hidden, (1 + s.gated) * s.ffn, dtype), Linear(s.ffn, s.hidden, dtype)

    def forward(self, x: Tensor, angles: Tensor, cache: tuple[Tensor, Tensor] | None = None) -> Tensor:
        s, (sequences, tokens, _) = self.s, x.shape
        heads = self.qkv(normed(x, self.norms[0])).view(sequences, tokens, -1, s.head_dim)
        q, k, v = heads.split((s.heads, s.kv_heads, s.kv_heads), dim=2)
        q, k = rotated(q, angles), rotated(k, angles)
        if cache is not None:
            part = slice(-1, None) if tokens == 1 else slice(tokens)
            for kept, new in zip(cache, (k, v), strict=True):
                kept[:, part] = new
            k, v = cache if tokens == 1 else (k, v)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=tokens > 1, enable_gqa=s.heads != s.kv_heads)
        x = x + self.out(mixed.transpose(1, 2).reshape(sequences, tokens, -1))
        wide = self.up(normed(x, self.norms[1]))
        if s.gated:
            gate, wide = wide.chunk(2, dim=-1)
            wide = F.silu(gate) * wide
        else:
            wide = F.gelu(wide, approximate="tanh")
        return x + self.down(wide)


def normed(x: Tensor, weight: Tensor) -> Tensor:
    """Normalise by the root of the mean square, in 4-byte numbers."""
    return F.rms_norm(x.float(), (x.shape[-1],), weight.float(), 1e-5).to(x.dtype)


def loss_of(x: Tensor, norm: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Give the mean loss of the next tokens."""
    logits = F.linear(normed(x, norm), head.to(x.dtype))
    return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.view(-1))


class Transformer(nn.Module):
    """A stack of blocks; compiled, all of them are one program."""

    def __init__(self, s: Shape, dtype: torch.dtype, compiled: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(s.vocab, s.hidden, device=GPU, dtype=dtype)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(s, dtype) for _ in range(s.layers))
        self.norm = nn.Parameter(torch.ones(s.hidden, device=GPU, dtype=dtype))
        self.head = self.embedding if s.tied else nn.Embedding(s.vocab, s.hidden, device=GPU, dtype=dtype)
        nn.init.normal_(self.head.weight, std=0.02)
        torch._dynamo.reset()
        self.loss_of = torch.compile(loss_of, dynamic=False) if compiled else loss_of
        for block in self.blocks if compiled else ():
            block.compile(dynamic=False)

    def hidden(self, tokens: Tensor, angles: Tensor, caches: list[Any], again: bool = False) -> Tensor:
        """Give the last layer's output; `again` keeps only the inputs of layers and computes them twice."""
        x = self.embedding(tokens).to(BF16)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = checkpoint(block, x, angles, use_reentrant=False) if again else block(x, angles, cache)
        return x

    def next_tokens(self, tokens: Tensor, angles: Tensor, caches: list[Any]) -> Tensor:
        """Serve: the most likely token after each sequence."""
        last = self.hidden(tokens, angles, caches)[:, -1]
        return F.linear(normed(last, self.norm), self.head.weight).argmax(-1)


def angles_of(s: Shape, tokens: int) -> Tensor:
    """Give cosines and sines [2, tokens, 1, width / 2]."""
    rates = 500_000.0 ** -torch.linspace(0, 1, s.head_dim // 2, device=GPU)
    turned = torch.outer(torch.arange(tokens, device=GPU).float(), rates)[:, None]
    return torch.stack((turned.cos(), turned.sin())).to(BF16)


def described(kind: str, backend: str, name: str, sequences: int, seq_len: int) -> Row:
    """Give the columns of a model and its tokens."""
    return {"kind": kind, "backend": backend, "precision": "bf16", "model": name, "sequences": sequences,
            "seq_len": seq_len} | SHAPES[name]._asdict()  # fmt: skip


def trained(
    compiled: bool, backend: str, name: str, sequences: int, seq_len: int, recomputes: tuple[str, ...]
) -> Iterator[Row]:
    """Time optimizer steps: weights, gradients and AdamW's moments in 4-byte numbers, products in BF16."""
    s = SHAPES[name]
    model, angles = Transformer(s, torch.float32, compiled), angles_of(s, seq_len)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    tokens, targets = (torch.randint(s.vocab, (sequences, seq_len), device=GPU) for _ in range(2))

    def step(microbatches: int, again: bool) -> None:
        for _ in range(microbatches):
            x = model.hidden(tokens, angles, [None] * s.layers, again)
            model.loss_of(x, model.norm, model.head.weight, targets).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    with sdpa_kernel(KERNELS[backend]):
        for recompute in recomputes:
            for many in MICROBATCHES:
                found = timed(lambda many=many, again=recompute == "full": step(many, again), least=STEPS)
                yield described("step", backend, name, sequences, seq_len) | {
                    "compiled": int(compiled), "microbatches": many, "recompute": recompute} | found  # fmt: skip


def step() -> Iterator[Callable[[], Iterable[Row]]]:
    """Training steps of dense models, layers compiled or not, with and without recomputation of layers."""
    for of in TRAINED:
        yield lambda of=of: trained(*of)


@torch.no_grad()
def served(kind: str, backend: str, name: str, sequences: int, seq_len: int) -> list[Row]:
    """Time a prefill of whole sequences, or a decode step that attends to `seq_len` tokens; launched as one graph."""
    s = SHAPES[name]
    model, tokens = Transformer(s, BF16), seq_len if kind == "prefill" else 1
    cache = (sequences, seq_len, s.kv_heads, s.head_dim)
    caches = [(random(*cache), random(*cache)) for _ in range(s.layers)]
    asked, angles = torch.randint(s.vocab, (sequences, tokens), device=GPU), angles_of(s, seq_len)[:, -tokens:]
    with sdpa_kernel(KERNELS[backend]):
        replay = graphed(lambda: model.next_tokens(asked, angles, caches))
    return [described(kind, backend, name, sequences, seq_len) | timed(replay)]


def serve() -> Iterator[Callable[[], Iterable[Row]]]:
    """Prefills and decode steps, weights and cache in BF16."""
    for of in PREFILLED:
        yield lambda of=of: served("prefill", *of)
    for name, seq_len, batches in DECODED:
        for requests in batches:
            yield lambda of=(name, requests, seq_len): served("decode", "flash", *of)


KINDS = {"memory": memory, "gemm": gemm, "attention": attention, "serve": serve, "step": step}
COLUMNS = ("date", "gpu", "torch", "kind", "backend", "precision", "m", "n", "k", "model", *Shape._fields, "sequences",
           "seq_len", "compiled", "microbatches", "recompute", "bytes", "time_s", "low_s", "high_s", "repeats",
           "memory_gb", "power_w", "clock_mhz")  # fmt: skip


def main(kinds: list[str]) -> None:
    """Run the kinds that are asked for, and print a row as soon as it is known."""
    said = {"date": datetime.date.today().isoformat(), "gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    table = csv.DictWriter(sys.stdout, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    torch.manual_seed(0)
    torch._dynamo.config.recompile_limit = 64
    for case in (case for kind in kinds for case in KINDS[kind]()):
        try:
            for row in case():
                table.writerow(said | {n: f"{v:.6g}" if isinstance(v, float) else v for n, v in row.items()})
                sys.stdout.flush()
        except Exception as fault:  # out of memory, a format that the GPU lacks: the other cases go on
            print(f"no row: {type(fault).__name__}: {str(fault)[:300]}", file=sys.stderr)
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1:] or list(KINDS))
