"""Chips by the names that vendors, drivers and clouds print: `NVIDIA H100 80GB HBM3`, `p5.48xlarge`, `TPU v5p-128`.

A printed name is read by the first pattern that finds itself in it, most particular first, so that an H100 NVL is never
taken for an H100 SXM. What no pattern reads is refused with the close names of the catalogue.
"""

import re

PATTERNS: tuple[tuple[str, str], ...] = (
    # instances of clouds (their product pages, 2025-12)
    (r"\bp6e-gb300|\bgb300", "GB300 NVL72"),
    (r"\bp6e-gb200|\ba4x\b|gb200", "GB200 NVL72"),
    (r"\bp6-b300|\bb300", "B300 HGX"),
    (r"\bp6-b200|\ba4-highgpu|\bb200|\bhgx.?b200|bm\.gpu\.b200", "B200 HGX"),
    (r"\bp5en\.|\bp5e\.|\ba3-ultragpu|nd\w*_h200_v5", "H200 SXM"),
    (r"\bp5\.", "H100 SXM"),
    (r"\bp4de\.|\ba2-ultragpu|bm\.gpu\.a100-v2|nd\d*amsr\w*a100_v4", "A100-80 SXM"),
    (r"\bp4d\.|\ba2-(high|mega)gpu|bm\.gpu4\.8|bm\.gpu\.b4|nd\d*asr\w*_v4", "A100-40 SXM"),
    (r"\bp3dn\.|nd40rs_v2", "V100-32 SXM"),
    (r"\bp3\.", "V100-16 SXM"),
    (r"\ba3-(high|mega|edge)gpu|bm\.gpu\.h100|nd\w*_h100_v5", "H100 SXM"),
    (r"\bnc\w*_?h100", "H100 NVL"),
    (r"\bg6e\.", "L40S"),
    (r"\bg6\.|\bg2-standard", "L4"),
    (r"\bg5\.", "A10G"),
    (r"\btrn3|trainium.?3", "Trainium3"),
    (r"\btrn2|trainium.?2", "Trainium2"),
    (r"\btrn1|trainium.?1|trainium\b", "Trainium1"),
    (r"\binf2|inferentia.?2", "Inferentia2"),
    (r"\bct6e|\btpu.?v6e|\btrillium|\bv6e-\d", "TPU v6e"),
    (r"\bct5lp|\btpu.?v5.?lite|\btpu.?v5e|\bv5litepod|\bv5e-\d", "TPU v5e"),
    (r"\bct5p|\btpu.?v5p|\bv5p-\d", "TPU v5p"),
    (r"\btpu7x|\btpu.?v?7x?\b|ironwood", "TPU v7 Ironwood"),
    (r"\bct4p|\btpu.?v4\b|\bv4-\d", "TPU v4"),
    (r"\btpu.?v3\b|\bv3-\d", "TPU v3"),
    (r"\btpu.?v2\b|\bv2-\d", "TPU v2"),
    # NVIDIA, as drivers and data sheets print them
    (r"\bvr200|\bvera.?rubin|\brubin", "VR200 NVL72"),
    (r"\bgh200|grace.?hopper", "GH200"),
    (r"\bh200.?nvl", "H200 NVL"),
    (r"\bh200(?![0-9a-z])", "H200 SXM"),
    (r"\bh800(?![0-9a-z])", "H800 SXM"),
    (r"\bh100.?nvl", "H100 NVL"),
    (r"\bh100.*(pcie|pci-e)", "H100 PCIe"),
    (r"\bh100(?![0-9a-z])", "H100 SXM"),
    (r"\bh20\b|\bh20[- ]", "H20"),
    (r"\ba800(?![0-9a-z])", "A800-80 SXM"),
    (r"\ba100.*pci.*40|\ba100.*40.*pci", "A100-40 PCIe"),
    (r"\ba100.*40.?g|\ba100-40", "A100-40 SXM"),
    (r"\ba100.*(pcie|pci-e)", "A100-80 PCIe"),
    (r"\ba100(?![0-9a-z])", "A100-80 SXM"),
    (r"\bv100.*16", "V100-16 SXM"),
    (r"\bv100(?![0-9a-z])", "V100-32 SXM"),
    (r"rtx.?(pro.?6000|6000.?pro)", "RTX PRO 6000 Blackwell"),
    (r"\bl40s", "L40S"),
    (r"\bl4\b", "L4"),
    (r"\ba10g?\b", "A10G"),
    # AMD
    (r"\bmi455x?|\bmi400|helios", "MI455X Helios"),
    (r"\bmi355x?", "MI355X"),
    (r"\bmi350x?", "MI350X"),
    (r"\bmi325x?", "MI325X"),
    (r"\bmi308x?", "MI308X"),
    (r"\bmi300x?\b|nd\w*_mi300x", "MI300X"),
    (r"\bmi250x?\b", "MI250X"),
    # Huawei, Intel
    (r"\b910c|atlas.?900.?a3|cloudmatrix", "Ascend 910C"),
    (r"\b910b", "Ascend 910B"),
    (r"ascend.?910a?\b", "Ascend 910"),
    (r"gaudi.?3|hl-?325|hl-?338", "Gaudi3"),
    (r"gaudi.?2|hl-?225", "Gaudi2"),
    (r"arc.?pro.?b60", "Arc Pro B60"),
)
OTHERS = re.compile(r"\b(a100x|mi300a|mi210|mi100|gaudi$|h100 ?cnx|a10m|a30|a40|rtx (a6000|40|50|30|20))\b")
"""Names that resemble a chip of the catalogue and are another one."""


def printed(name: str) -> str | None:
    """Give the catalogue's name of a chip as printed, or None."""
    text = " ".join(name.lower().split())
    if OTHERS.search(text):
        return None
    return next((chip for pattern, chip in PATTERNS if re.search(pattern, text)), None)
