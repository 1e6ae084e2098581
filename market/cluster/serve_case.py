"""A table of deployments and what the model says of them: `R` rows, one a deployment."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from market.cluster.case import Array, Shape


@dataclass(slots=True)
class Serve(Shape):
    """`R` deployments; every field is [R] float64 or a scalar that all rows share. Rates are a GPU, one direction."""

    # chip
    gemm_flop_per_s: Array  # best large GEMM at the precision of the weights, as serving realises it
    bf16_gemm_flop_per_s: Array
    hbm_bytes: Array
    hbm_bytes_per_s: Array  # as serving realises it
    domain: Array
    up_bytes_per_s: Array
    out_bytes_per_s: Array
    host: Array  # time between steps of an engine over TensorRT-LLM's
    launch: Array  # launches and all-reduces over NVIDIA's
    reserved: Array  # share of a request's output for which the engine keeps room in its cache
    # model, beside its shape
    latent: Array  # 1 where the cache is latent: one for all heads, on every tensor rank
    other_params: Array
    # workload
    input_tokens: Array
    output_tokens: Array
    weight_bytes: Array  # a parameter
    attention_bytes: Array  # a parameter of the attention
    kv_bytes: Array  # a number of the cache
    speculation: Array  # tokens that a decode step yields
    # deployment
    tp: Array
    pp: Array
    dp: Array
    ep: Array
    batch: Array  # requests in flight on the whole deployment; NaN: as many as memory and limits allow
    tpot_limit_s: Array  # infinite where there is none

    def at(self, part: Any) -> "Serve":
        """Return the rows that `part` selects; shared scalars stay shared."""
        values = (getattr(self, name) for name in SERVE_FIELDS)
        return Serve(*(v[part] if isinstance(v, np.ndarray) and v.ndim else v for v in values))


SERVE_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Serve))


@dataclass(slots=True)
class Served:
    """What the model says of `R` deployments [R]."""

    output_tokens_per_s_per_gpu: Array
    total_tokens_per_s_per_gpu: Array
    prefill_tokens_per_s_per_gpu: Array  # input tokens a second while a GPU does nothing else
    decode_tokens_per_s_per_gpu: Array  # output tokens a second while it does nothing else
    ttft_s: Array  # of a request that does not wait
    tpot_s: Array
    batch: Array
    memory_bytes: Array  # weights, workspace and the cache of the batch, a GPU
    fits: Array  # 1 when at least one request fits
    gpus: Array
