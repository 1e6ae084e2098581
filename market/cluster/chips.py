"""The chips of the catalogue: peaks, memory, links, power. Figures and sources: `market/catalogue/chips.csv`.

Every figure stands once: what a chip is in `chips.csv`, what it sells for in `roadmap.csv` where the market sells
it (`market_id`), and in `chips.csv` where not. The market reads the same rows (`market.catalogue.tables.table`).
"""

import datetime
import functools
from dataclasses import dataclass

from market.catalogue.tables import h100e
from market.cluster.names import printed
from market.cluster.tables import plain, read_table, unknown

GEMM_FRACTION_UNMEASURED = 0.72
"""Best BF16 GEMM over nameplate where no measurement is published. Assumption: the median of the measured chips
released since 2023 (0.60 MI325X to 0.80 H100)."""
DAYS_PER_YEAR = 365.25
GIB = 2.0**30
"""Memory sizes are sold in binary gigabytes: nvidia-smi shows 81,559 MiB on an "80 GB" H100."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One accelerator (for NVIDIA and AMD, one package; for TPU, one chip, not one core)."""

    name: str
    aliases: tuple[str, ...]
    vendor: str
    bf16_flop_per_s: float  # dense nameplate
    fp8_flop_per_s: float  # equals BF16 where the chip has no FP8
    fp4_flop_per_s: float  # equals FP8 where the chip has no FP4
    gemm_flop_per_s: float  # best measured BF16 GEMM
    hbm_bytes: float
    hbm_bytes_per_s: float
    scaleup_domain_gpus: float
    scaleup_bytes_per_s: float  # per GPU, one direction
    scaleout_bytes_per_s: float  # per GPU, one direction
    tdp_w: float
    it_kw_per_gpu: float
    volume_year: float  # decimal year of volume availability
    price_usd: float  # 0 where unknown
    h100e: float
    market_id: str  # its name in the market; "" for chips that the market does not know
    confidence: str
    source: str


def decimal_year(date: str) -> float:
    """Turn an ISO date into a decimal year."""
    day = datetime.date.fromisoformat(date)
    return day.year + (day.timetuple().tm_yday - 1) / DAYS_PER_YEAR


def _price_usd(row: dict[str, str]) -> float:
    """Give the newest list price of the roadmap, or the table's own for a chip that is not on it."""
    dated = [r for r in read_table("roadmap.csv") if (r["id"], r["field"]) == (row["market_id"], "price_usd_per_gpu")]
    newest = max(dated, key=lambda r: r["as_of"], default={"value": row["price_usd"] or "0"})
    return float(newest["value"])


def _chip(row: dict[str, str]) -> Chip:
    bf16 = float(row["bf16_tflop_per_s"]) * 1e12
    fp8 = float(row["fp8_tflop_per_s"] or 0) * 1e12 or bf16
    return Chip(
        name=row["chip"],
        aliases=tuple(filter(None, row["aliases"].split("|"))),
        vendor=row["vendor"],
        bf16_flop_per_s=bf16,
        fp8_flop_per_s=fp8,
        fp4_flop_per_s=float(row["fp4_tflop_per_s"] or 0) * 1e12 or fp8,
        gemm_flop_per_s=float(row["gemm_bf16_tflop_per_s_measured"] or 0) * 1e12 or bf16 * GEMM_FRACTION_UNMEASURED,
        hbm_bytes=float(row["hbm_gb"]) * GIB,
        hbm_bytes_per_s=float(row["hbm_tb_per_s"]) * 1e12,
        scaleup_domain_gpus=float(row["scaleup_domain_gpus"]),
        scaleup_bytes_per_s=float(row["scaleup_gb_per_s_per_gpu"]) * 1e9,
        scaleout_bytes_per_s=float(row["scaleout_gb_per_s_per_gpu"]) * 1e9,
        tdp_w=float(row["tdp_w"]),
        it_kw_per_gpu=float(row["it_kw_per_gpu"]),
        volume_year=decimal_year(row["as_of"]),
        price_usd=_price_usd(row),
        h100e=h100e(row),
        market_id=row["market_id"],
        confidence=row["confidence"],
        source=row["source"],
    )


CHIPS: dict[str, Chip] = {row["chip"]: _chip(row) for row in read_table("chips.csv")}
CHIP_NAMES: tuple[str, ...] = tuple(CHIPS)
_BY_NAME = {plain(n): c for c in CHIPS.values() for n in (c.name, *c.aliases)}


@functools.lru_cache(4096)
def chip(name: str) -> Chip:
    """Find a chip by its catalogue name, a short alias (`H100`) or a printed name (`NVIDIA H100 80GB HBM3`)."""
    found = None
    if isinstance(name, str):
        found = _BY_NAME.get(plain(name)) or CHIPS.get(printed(name[:120]) or "")
    if found is None:
        raise unknown("chip", name, {n for c in CHIPS.values() for n in (c.name, *c.aliases)})
    return found
