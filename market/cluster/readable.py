"""The readable breakdown of one answer, line by line."""

from typing import Any

from market.cluster.answer import Question
from market.cluster.weekly import plan_text


def readable(q: Question, fields: dict[str, Any], more: dict[str, float]) -> str:
    """Write an answer of `breakdown` as text: what was asked, the plan, where time, power and money go."""
    head = f"{q.gpus:,.0f} x {q.chip.name}, {q.model.name}{' (estimated architecture)' if q.model.estimated else ''}"
    if not fields["fits"]:
        return f"{head}\n  no plan: {fields['binds']} binds"
    cost = "unknown (no price)" if fields["cost_usd"] is None else f"${fields['cost_usd'] / 1e6:,.1f}M"
    beyond = " (extrapolated)" if more["loss_extrapolated"] else ""
    parts = ("compute", "tensor", "expert", "bubble", "data", "optimizer")
    shares = {p: more[f"{p}_s"] / more["step_s"] for p in parts}
    shares["other"] = 1 - sum(shares.values())
    spent = ", ".join(f"{p} {s:.0%}" for p, s in shares.items() if s > 0.005)
    used = f"{more['gpus_used']:,.0f} GPUs, {more['memory_bytes'] / 1e9:.1f} GB each"
    lines = [
        head,
        f"  plan        {plan_text(fields['plan'])} on {used}",
        f"  binds       {fields['binds']}",
        f"  step        {fields['step_s']:.3f} s: {spent}",
        f"  speed       MFU {fields['mfu']:.3f}, {fields['tokens_per_s_per_gpu']:,.0f} tokens/s/GPU, "
        f"goodput {fields['goodput']:.3f}",
        f"  run         {q.model.train_tokens:.3g} tokens, {more['flop']:.3g} FLOP, {fields['days']:.1f} days",
        f"  power       nameplate {more['nameplate_mw']:.2f}, IT {more['it_mw']:.2f}, "
        f"facility {more['facility_mw']:.2f}, mean draw {more['mean_mw']:.2f} MW",
        f"  energy      {fields['energy_gwh']:.2f} GWh",
        f"  cost        {cost}",
        f"  loss        {fields['loss']:.3f}{beyond}",
    ]  # fmt: skip
    return "\n".join(lines)
