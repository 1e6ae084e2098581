"""Beyond one dense run on one cluster: power caps as a curve, mixed generations, and reinforcement learning."""

from collections.abc import Sequence
from typing import Any

from market.cluster.answer import answer, ask
from market.cluster.chips import Chip
from market.cluster.models import Model, model, with_training
from market.cluster.serve import answer_serving
from market.cluster.tables import ClusterError


def power_curve(
    chip_name: str | Chip, gpus: float, model_name: str | Model,
    shares: Sequence[float] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5), **other: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """List what a power cap costs, as a share of what the cluster would draw: fewer GPUs, or slower clocks on all.

    Each entry: `share`, `power_cap_mw`, and for `fewer` and `slower` the days, energy and cost; `best` names the
    quicker. A share at which clocks cannot fall so far has None for `slower`.
    """
    q = ask(chip_name, gpus, model_name, **other)
    full = q.gpus * q.chip.it_kw_per_gpu * q.pue / 1e3
    rows = []
    for share in shares:
        if not 0 < share <= 1:
            raise ClusterError(f"shares: must lie in (0, 1], was {share!r}")
        row: dict[str, Any] = {"share": share, "power_cap_mw": share * full}
        for name, slow in (("fewer", False), ("slower", True)):
            try:
                a = answer(chip_name, gpus, model_name, power_cap_mw=share * full, slow_clocks=slow, **other)
            except ClusterError:
                a = {"fits": False}
            row[name] = {n: a[n] for n in ("days", "energy_gwh", "cost_usd")} if a["fits"] else None
        times = {n: row[n]["days"] for n in ("fewer", "slower") if row[n]}
        rows.append(row | {"best": min(times, key=lambda n: times[n]) if times else None})
    return rows


ROUNDS = 4
"""Times that the batch is split anew between generations, by the speed at the last split."""


def mixed(parts: Sequence[tuple[str | Chip, float]], model_name: str | Model, **other: Any) -> dict[str, Any]:
    """Train one model on several generations at once: data ranks of each take a share of the batch by their speed.

    Parameters
    ----------
    parts : (chip, GPUs) of each generation
    other : as in `answer`

    Returns
    -------
    `days`, `step_s` (of the slowest part), `shares` of the batch, and the `parts`' answers. Parts that cannot hold the
    model are refused. Synchronous: every step waits for the slowest part.
    """
    shape = model(model_name) if isinstance(model_name, str) else model_name
    shape = with_training(shape, other.pop("tokens", None), other.pop("batch_seqs", None))
    speed = [1.0] * len(parts)
    for _ in range(ROUNDS):
        shares = [s / sum(speed) for s in speed]
        found = [
            answer(c, g, shape, batch_seqs=max(1.0, round(shape.batch_seqs * share)), **other)
            for (c, g), share in zip(parts, shares, strict=True)
        ]
        if not all(a["fits"] for a in found):
            missing = next(a for a in found if not a["fits"])
            raise ClusterError(
                f"mixed: {missing['gpus']} {missing['chip']} cannot hold {shape.name} ({missing['binds']})"
            )
        speed = [a["plan"]["batch_seqs"] / a["step_s"] for a in found]
    step = max(a["step_s"] for a in found)
    batch = sum(a["plan"]["batch_seqs"] for a in found)
    goodput = 1 - sum(1 - a["goodput"] for a in found)
    steps = shape.train_tokens / (batch * shape.seq_len)
    return {"model": shape.name, "days": steps * step / max(goodput, 1e-3) / 86_400, "step_s": step, "shares": shares,
            "parts": found}  # fmt: skip


def reinforcement_gpu_hours(
    chip_name: str | Chip, gpus: float, model_name: str | Model, *, sampled_tokens: float, trained_tokens: float,
    prompt_tokens: float = 1024.0, answer_tokens: float = 8192.0, precision: str = "bf16", year: float | None = None,
) -> dict[str, float]:  # fmt: skip
    """Give the GPU-hours of reinforcement learning: answers sampled by decoding, then trained on.

    Sampling runs at the serving model's rate without a latency limit, training at the training model's; weights are
    handed over for nothing, and neither waits for the other (assumption: asynchronous sampling).
    """
    served = answer_serving(
        chip_name, model_name, input_tokens=prompt_tokens, output_tokens=answer_tokens, precision=precision
    )
    trained = answer(chip_name, gpus, model_name, precision=precision, year=year)
    if not (served["fits"] and trained["fits"]):
        raise ClusterError(f"reinforcement: {served['binds'] if not served['fits'] else trained['binds']} binds")
    sampling = sampled_tokens / served["output_tokens_per_s_per_gpu"] / 3600
    training = trained_tokens / (trained["tokens_per_s_per_gpu"] * trained["goodput"]) / 3600
    return {"sampling_gpu_hours": sampling, "training_gpu_hours": training, "days": (sampling + training) / gpus / 24,
            "sampling_share": sampling / (sampling + training)}  # fmt: skip
