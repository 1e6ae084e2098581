"""The figures of docs/cluster.md, case by case: `uv run python -m benchmarks.cluster_figures` prints the table."""

from __future__ import annotations

from typing import Any

from market.cluster import Fixed, Stack, answer

DEEPSEEK = Stack(dispatcher=1, grouped=1)
CASES: tuple[tuple[str, int, str, str, str, dict[str, Any]], ...] = (
    ("H100", 16_384, "llama-3.1-405b", "bf16", "best plan; published 6.5 s, 30.84M GPU-hours; here {hours}", {}),
    ("H100", 16_384, "llama-3.1-405b", "bf16", "published plan; here {hours}",
     {"fixed": Fixed(tp=8, pp=16, dp=128, cp=1)}),
    ("A100", 25_000, "gpt-4", "bf16", "reported 90-95 days; architecture estimated", {}),
    ("A100-40", 25_000, "gpt-4", "bf16", "the same with 40 GB cards", {}),
    ("GB200", 100_000, "gpt-4", "bf16", "at volume date", {}),
    ("GB200", 100_000, "gpt-4", "bf16", "in October 2025", {"year": 2025.8}),
    ("GB200", 100_000, "gpt-4", "fp8", "in October 2025", {"year": 2025.8}),
    ("GB300", 4608, "dense-1t", "bf16", "20T tokens", {}),
    ("GB300", 4608, "dense-1t", "fp8", "20T tokens", {}),
    ("GB300", 4608, "dense-1t", "fp4", "20T tokens", {}),
    ("GB300", 4608, "moe-1t", "bf16", "15.5T tokens", {}),
    ("GB300", 4608, "moe-1t", "fp8", "15.5T tokens", {}),
    ("GB300", 100_000, "dense-1t", "bf16", "20T tokens", {}),
    ("GB300", 100_000, "dense-1t", "fp8", "20T tokens", {}),
    ("GB300", 100_000, "moe-1t", "fp8", "15.5T tokens; batch 67M", {}),
    ("H800", 2048, "deepseek-v3", "fp8", "with its own fused dispatcher; published 54-57 days", {"stack": DEEPSEEK}),
    ("H800", 2048, "deepseek-v3", "fp8", "published plan; DeepSeek hides nearly all of the exchange",
     {"stack": DEEPSEEK, "fixed": Fixed(tp=1, pp=16, ep=64, cp=1)}),
    ("A100", 1024, "gpt-3", "bf16", "300B tokens", {}),
    ("H100", 100_000, "llama-3.1-405b", "bf16", "batch of 16.8M tokens", {}),
    ("TPU v5p", 8960, "llama-3.1-405b", "bf16", "one pod", {}),
    ("MI300X", 16_384, "llama-3.1-405b", "bf16", "", {}),
)  # fmt: skip


def row(chip: str, gpus: int, model: str, precision: str, remark: str, given: dict[str, Any]) -> str:
    """Write one line of the table."""
    a = answer(chip, gpus, model, precision=precision, **given)
    p = a["plan"]
    plan = " ".join(f"{n}{p[n]}" for n in ("tp", "pp", "vp", "dp", "ep", "cp"))
    plan += f" z{p['zero']} b{p['microbatch']} {p['recompute']}"
    figures = f"{a['step_s']:.2f} s | {a['mfu']:.3f} | {a['goodput']:.3f} | {a['days']:.1f}"
    said = remark.format(hours=f"{a['days'] * 24 * gpus / 1e6:.1f}M GPU-hours")
    return f"| {gpus:,} {chip}, {model}, {precision.upper()} | {plan} | {figures} | {said} |"


if __name__ == "__main__":
    print("| case | plan | step | MFU | goodput | days | remark |\n|---|---|---|---|---|---|---|")
    for case in CASES:
        print(row(*case))
