"""The chips of the catalogue: peaks, memory, links, power. Figures and sources: `market/catalogue/chips.csv`.

Every figure stands once: what a chip is in `chips.csv`, what it sells for in `roadmap.csv` where the market sells
it (`market_id`), and in `chips.csv` where not. The market reads the same rows (`market.catalogue.tables.table`).
"""

import datetime
import functools
import json
from dataclasses import dataclass
from pathlib import Path

from market.catalogue.tables import h100e
from market.cluster.names import printed
from market.cluster.tables import ClusterError, plain, read_table, unknown
from market.units import DAYS_PER_YEAR

GEMM_FRACTION_UNMEASURED = 0.72
"""Best BF16 GEMM over nameplate where no measurement is published. Assumption: the median of the measured chips
released since 2023 (0.60 MI325X to 0.80 H100)."""
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
    exp_per_s: float  # exponentials of the special-function units; 0 where unknown
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
        exp_per_s=float(row["exp_t_per_s"] or 0) * 1e12,
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


SHEET: dict[str, tuple[float, float, float | None]] = {
    "bf16_tflop_per_s": (0.1, 1e7, None), "fp8_tflop_per_s": (0.1, 1e7, 0.0), "fp4_tflop_per_s": (0.1, 1e7, 0.0),
    "gemm_bf16_tflop_per_s_measured": (0.1, 1e7, 0.0), "exp_t_per_s": (1e-3, 1e6, 0.0),
    "hbm_gb": (0.1, 1e6, None), "hbm_tb_per_s": (1e-3, 1e4, None),
    "scaleup_domain_gpus": (1, 1e6, None), "scaleup_gb_per_s_per_gpu": (0.1, 1e6, None),
    "scaleout_gb_per_s_per_gpu": (0.01, 1e6, None), "tdp_w": (1, 1e6, None), "it_kw_per_gpu": (1e-3, 1e4, 0.0),
    "price_usd": (0, 1e9, 0.0),
}  # fmt: skip
"""Numbers of a data sheet, as in `chips.csv`: least, most, and what is taken where it may be left out."""
IT_PER_TDP = 2.0
"""IT power over TDP where a data sheet gives none. Assumption: 1.7 (GB200) to 2.3 (A100) in the table."""
LARGEST_SHEET = 1_000_000


def load_chip(path: Path) -> Chip:
    """Read a chip from a JSON file with the columns of `chips.csv`; `as_of` is its date of volume."""
    if not path.is_file() or path.stat().st_size > LARGEST_SHEET:
        raise ClusterError(f"{path}: must be a JSON file of at most 1 MB")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise ClusterError(f"{path}: is no JSON: {str(fault)[:80]}") from None
    if not isinstance(raw, dict):
        raise ClusterError(f"{path}: must hold one JSON object")
    strange = [k for k in raw if k not in SHEET and k not in ("name", "chip", "vendor", "as_of", "source", "notes")]
    if strange:
        raise ClusterError(f"{path}: {strange[0]!r} is no column of a data sheet; there are {', '.join(SHEET)}")
    row = {n: str(_sheet_number(path, raw, n)) for n in SHEET}
    if not float(row["it_kw_per_gpu"]):
        row["it_kw_per_gpu"] = str(IT_PER_TDP * float(row["tdp_w"]) / 1e3)
    date = str(raw.get("as_of", "2025-01-01"))
    try:
        decimal_year(date)
    except ValueError:
        raise ClusterError(f"{path}: as_of must be YYYY-MM-DD, was {date[:40]!r}") from None
    name = str(raw.get("name") or raw.get("chip") or path.stem)[:80]
    return _chip(row | {"chip": name, "aliases": "", "vendor": str(raw.get("vendor", "")), "as_of": date,
                        "market_id": "", "confidence": "low", "source": str(path)})  # fmt: skip


def _sheet_number(path: Path, raw: dict[str, object], name: str) -> float:
    low, high, otherwise = SHEET[name]
    value = raw.get(name, otherwise)
    if value is None:
        raise ClusterError(f"{path}: lacks {name}")
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (low <= value <= high or value == otherwise)
    ):
        raise ClusterError(f"{path}: {name} must lie in [{low:g}, {high:g}], was {str(value)[:40]!r}")
    return float(str(value))
