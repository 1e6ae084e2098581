"""One sentence for each type of event. An event without a template falls back to its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market.experiments.tell.wording import amount
from market.units import to_date

SENTENCES: dict[str, str] = {
    # run
    "RunStarted": "The run of {kind} began with seed {seed}, planned from {start_day} to {last_day}.",
    "ParameterSet": "Parameter {parameter} was set to {value}.",
    "OrgRegistered": "{org} ({role}, {country}) entered.",
    "OrgAnnounced": "{org} ({role}, {country}) will enter the market on {due_day}.",
    "RegionRegistered": "Power region {region} ({country}) entered.",
    "OptionChosen": "{org} decided on {kind}: {option}{power} ({terms}).",
    "OptionRejected": "{org} left {option} ({terms}): {reason}{by}.",
    "ExogenousShock": "From outside, {kind} was multiplied by {value}.",
    "WeekClosed": "Week {week} closed.",
    "RunEnded": "The run ended after week {week}.",
    # chips
    "ChipAnnounced": (
        "{supplier} announced {chip} for {start_day}, at {price_usd_per_gpu} USD and {h100e} H100e "
        "each."
    ),
    "VolumeReached": "{supplier}'s {chip} reached volume.",
    "VolumeSlipped": "{supplier}'s {chip} slipped by {duration_days} days to {due_day}: {reason}.",
    "ChipRetired": "{supplier} made its last {chip}.",
    "OutputMade": "{supplier} made {gpus} {chip} in the week; the backlog is {lead_time_weeks} weeks of that.",
    "SlotsExpanded": "{supplier}'s packaging grew to {value} slots a week.",
    "InputExpanded": "Makers of {kind} can supply {value} {unit} a week.",
    "InputBound": "From this week makers of {kind} {hold} {supplier} back: they meet {met} of the need.",
    "PriceListed": "{supplier} lists {chip} at {price_usd_per_gpu} USD.",
    "IntegrationExpanded": "{org} can rack {gpus} more GPUs a week.",
    "OrderPlaced": "{org} ordered {gpus} {chip} from {supplier} at {price_usd_per_gpu} USD each.",
    "OrderRefused": "{supplier} refused {org}'s order of {gpus} {chip}: {reason}.",
    "OrderCancelled": "{gpus} {chip} of {org}'s order were cancelled: {reason}.",
    "ChipsAllocated": "{supplier} allotted {gpus} {chip} to {org}, {share} of what it had on order.",
    "MechanismChosen": "The market of {kind} is cleared by {mechanism}.",
    "ChipsCleared": (
        "{supplier} shared out {gpus} {chip} by {mechanism}: {offered_gpus} were there, {wanted_gpus} wanted; a GPU "
        "was worth {marginal_usd_per_gpu} USD to the last buyer served, the surplus {surplus_usd} USD."
    ),
    "RentsCleared": (
        "{gpus} of {offered_gpus} {chip} in {region} were leased by {mechanism} ({kind}) at {price_usd_per_gpu_hour} "
        "USD a GPU-hour; {wanted_gpus} were wanted, the surplus was {surplus_usd} USD."
    ),
    "ShipmentSent": "{counterparty} racked {gpus} {chip} for {org}, to arrive on {due_day}.",
    "ShipmentDelivered": "{gpus} {chip} reached {org} and wait for power.",
    "FleetRegistered": "{org} ran {gpus} {chip} at {site} at the start.",
    "GpusInstalled": "{org} installed {gpus} {chip} at {site} ({power_kw_it} of IT load).",
    "GpusWaitForPower": "{gpus} {chip} of {org} are delivered and not installed: {reason}.",
    "GpusRetired": "{org} retired {gpus} {chip} at {site}.",
    # sites
    "SitePlanned": "{org} announced {site} in {region}: {power_kw_it}, {kind}, for {due_day}.",
    "SiteRefused": "{org} may not build {power_kw_it} in {region}: {reason}.",
    "BuildingStarted": (
        "{org} started a {kind} building of {power_kw_it} at {site} in {region}, promised for "
        "{due_day}."
    ),
    "PowerQueued": "{org} asked the grid of {region} for {power_kw_it} at {site}.",
    "PowerGranted": "Power of {power_kw_it} ({kind}) was granted to {site} of {org} in {region}, from {due_day}.",
    "EnergyPriced": "Energy in {region} cost {value} times what it did at the start, with {power_kw_it} energised.",
    "CapacityCleared": "Capacity cleared at {value} USD per MW and day for the year from {start_day}.",
    "LoadCurtailed": "{org} switched {power_kw_it} off at {site} for {share} of four weeks.",
    "BuildingSlipped": (
        "A building at {site} of {org} slipped to {due_day}, {duration_days} days behind plan: "
        "{reason}."
    ),
    "BuildingPaused": "{org} stopped work on {power_kw_it} at {site}.",
    "BuildingResumed": "{org} took work at {site} up again after {duration_days} days, for {due_day}.",
    "BuildingCancelled": "{org} gave up {power_kw_it} at {site} in {region}: {reason}.",
    "ShellReady": "Shell and cooling of {power_kw_it} stood at {site} of {org}.",
    "ShellWaitsForPower": (
        "A finished shell of {power_kw_it} at {site} of {org} waits for the grid of {region}, promised for "
        "{due_day}."
    ),
    "PowerEnergised": "{power_kw_it} ({kind}) went live at {site} of {org} in {region}.",
    "PlantPermitted": "Own plant of {power_kw_it} at {site} of {org} may run until {end_day} ({kind}).",
    "PermitSought": "{org} asked for an operating permit of {power_kw_it} of own plant at {site}, due on {due_day}.",
    "PermitRefused": "{org} got no operating permit for {power_kw_it} of own plant at {site}.",
    "ConnectionSought": "{org} asked the grid of {region} for the {power_kw_it} that own plant feeds at {site}.",
    "GridConnected": "The grid of {region} took over {power_kw_it} from own plant at {site} of {org}.",
    "PlantStopped": "Own plant of {power_kw_it} at {site} of {org} stopped: its permit has ended.",
    # leases
    "LeaseRequested": (
        "{lessee} asked {lessor} for {h100e} H100e by {due_day} for {duration_days} days ({kind}), at up to "
        "{price_usd_per_h100e_hour} USD an H100e-hour."
    ),
    "RequestRefused": "{lessee}'s request to {lessor} was refused: {reason}.",
    "QuoteGiven": (
        "{lessor} offered {lessee} {gpus} {chip} ({place}region {region}), {start_day} to {end_day}, at "
        "{price_usd_per_gpu_hour} USD a GPU-hour ({form}, turn {turn})."
    ),
    "QuoteRefused": "{lessor} could not quote: {reason}.",
    "QuoteCountered": (
        "{lessee} asked {lessor} for another {clause}: {price_usd_per_gpu_hour} USD a GPU-hour from {start_day} to "
        "{end_day} in {region}."
    ),
    "QuoteLapsed": "{lessor}'s quote to {lessee} lapsed.",
    "LeaseTalksFailed": "Talks of {lessee} with {lessor} over {h100e} H100e failed: {reason}{better}.",
    "LeaseRefused": "A quote could not be taken: {reason}.",
    "LeaseSigned": (
        "{lessee} leased {gpus} {chip} at {site} from {lessor}, {start_day} to {end_day}, at "
        "{price_usd_per_gpu_hour} USD a GPU-hour ({kind})."
    ),
    "LeaseLate": "{lessor} was late for {lessee}: {gpus} GPUs missing, for want of {reason}.",
    "GpusHandedOver": "{lessor} handed {gpus} {chip} at {site} over to {lessee}.",
    "LeaseEnded": "The lease of {lessee} from {lessor} ({gpus} {chip} at {site}) ended: {reason}.",
    "OnDemandRented": (
        "{lessor} leased out {gpus} {chip} at {site} on demand at {price_usd_per_gpu_hour} USD a GPU-hour."
    ),
    "PriceMoved": (
        "The index of one-year contracts stood at {price_usd_per_h100e_hour} USD an H100e-hour, on demand "
        "{spot_usd_per_h100e_hour}, tightness {tightness}."
    ),
    "OnDemandRepriced": "{lessor} posts {spot_usd_per_h100e_hour} USD an H100e-hour on demand ({kind}).",
    "TailSigned": "Customers of {lessor} signed for {h100e} H100e at {price_usd_per_h100e_hour} USD an H100e-hour.",
    "MarketCleared": (
        "Spot stood at {clearing_usd_per_h100e_hour} USD an H100e-hour, replacement cost at {cost_usd_per_h100e_hour} "
        "USD."
    ),
    "SegmentMeasured": "End users ({segment}) spend {usd_per_year} USD a year of {market_usd_per_year} open to them.",
    "ShareMeasured": "{org} has {share} of the customers of {segment}.",
    "UseMeasured": "{org} would spend {usd_per_year} USD a year on compute, growing at {growth_per_year} a year.",
    "LetterSigned": "{org} and {counterparty} announced {h100e} H100e by {due_day}, in a letter of intent.",
    "LetterRefused": "A letter of intent of {org} with {counterparty} was refused: {reason}.",
    "LetterCut": "The letter of intent of {org} with {counterparty} was cut to {h100e} H100e, {share} of what it was.",
    "LetterEnded": "The letter of intent of {org} with {counterparty} over {h100e} H100e ended: {reason}.",
    # contracts
    "ContractSigned": (
        "{lessee} contracted {gpus} {chip} of {lessor} ({place}region {region}) in {tranches} tranches from "
        "{start_day}, to {end_day} for the first, at {price_usd_per_gpu_hour} USD a GPU-hour, {prepaid_share} of it "
        "prepaid ({kind})."
    ),
    "TrancheScheduled": "Tranche {tranche}: {lessor} owes {lessee} {gpus} GPUs from {start_day} to {end_day}.",
    "TrancheDrawn": "{gpus} GPUs of tranche {tranche} of {contract_id} began as lease {lease_id}.",
    "TrancheLate": "{lessor} is late with {gpus} GPUs of tranche {tranche} of {contract_id}, for want of {reason}.",
    "CapacityShed": "{lessee} gave {gpus} {chip} at {site} back to {lessor} before the end of the lease.",
    "ContractRefused": "A command of {org} about {contract_id} was refused: {reason}.",
    "ContractEnded": "The contract of {lessee} with {lessor} ended with {gpus} GPUs undrawn: {reason}.",
    # clauses
    "OptionExercised": "{lessee} took its option to {kind} lease {lease_id} with {lessor}: {gpus} GPUs to {end_day}.",
    "LeaseRenewed": "Lease {lease_id} of {lessee} went on to {end_day} at {price_usd_per_gpu_hour} USD a GPU-hour.",
    "RentStepped": "The rent of lease {lease_id} rose to {price_usd_per_gpu_hour} USD a GPU-hour after a year.",
    "ConsentGiven": "{lessor} agreed that {lessee} may {kind} under lease {lease_id}.",
    "AssignmentOffered": "{lessee} offered lease {lease_id} with {lessor} to {counterparty}.",
    "ClauseRefused": "Lease {lease_id} did not allow what {org} asked for: {reason}.",
    # training
    "ClusterFormed": "{org} runs a cluster of {gpus} {chip} at {site} ({kind}).",
    "ComputeSplitSet": "{org} gives {share} of its compute to customers.",
    "ProjectStarted": "{org} gave {h100e} H100e to a research project until {end_day}.",
    "ProjectProposed": "{org} put a research project of at least {h100e} H100e on its list.",
    "ProjectRejected": "{org} put no project of {h100e} H100e on its list: {reason}.",
    "ProjectResized": "{org} gave a research project {h100e} H100e ({reason}), until {end_day}.",
    "ProjectStopped": "{org} stopped a research project and freed {h100e} H100e; it waits again.",
    "ResearchersMeasured": "{org} has {researchers} researchers, who share {h100e} H100e.",
    "ProjectEnded": "A research project of {org} freed {h100e} H100e.",
    "TrainingStarted": "{org} began to train {model}: {flop} FLOP on {gpus} {chip} at {site}, until {due_day}.",
    "TrainingRefused": "{org} could not start a run of {flop} FLOP: {reason}.",
    "TrainingReplanned": "{org}'s run goes on with {gpus} GPUs until {due_day}: {reason}.",
    "TrainingFinished": "{org} finished {model}: {flop} FLOP in {duration_days} days.",
    "TrainingAbandoned": "{org} gave up a run with {flop} FLOP to go: {reason}.",
    "ModelReleased": "{org} released {model} ({kind}), capability {capability}.",
    "ServingMeasured": "{org} sells at {revenue_usd_per_year} USD a year; its customers would pay for {value}.",
    "FrontierMeasured": "The best released model stands at capability {capability}.",
    # finance
    "PaymentMade": "{org} paid {amount_usd_cents} to {counterparty} for {kind}.",
    "StakeKnown": "{counterparty} had put {amount_usd_cents} into {org} before the start.",
    "RoundSought": "{org} sought {amount_usd_cents} of equity with {duration_days} days of cash left.",
    "RoundClosed": "{org} raised {amount_usd_cents} from {counterparty} at a valuation of {valuation_usd_cents}.",
    "RoundFailed": "{org} could not raise {amount_usd_cents} of equity: {reason}.",
    "RoundRefused": "A command on {org}'s equity was refused: {reason}.",
    "CovenantBreached": "{org} broke a covenant: its income covers {value} of its debt service.",
    "CovenantCured": "{org} keeps its covenants again: its income covers {value} of its debt service.",
    "LoanKnown": "{counterparty} had lent {org} {amount_usd_cents} until {end_day} before the start.",
    "LoanGranted": "{counterparty} lent {org} {amount_usd_cents} until {end_day}.",
    "LoanRefused": "{counterparty} refused {org} a loan of {amount_usd_cents}: {reason}.",
    "LoanRepaid": "{org} repaid {counterparty}.",
    "ValuationStated": "{org} was valued at {valuation_usd_cents}.",
    "BudgetSet": "{org} means to spend {value} USD a year on chips: {reason}.",
    "PlanAdopted": "{org} wants {h100e} H100e by {due_day}: {reason}.",
    "OrgDefaulted": "{org} defaulted ({reason}); it lacked {amount_usd_cents}.",
    # insolvency
    "EstateOpened": "{org}'s estate, appraised at {amount_usd_cents}, was opened for {kind}, until {due_day}.",
    "ClaimFiled": "{counterparty} claimed {amount_usd_cents} of {org} under {contract_id} ({rank}).",
    "LeaseAssumed": "The estate of {org} kept lease {lease_id} with {counterparty}.",
    "LeaseRejected": "The estate of {org} broke off lease {lease_id} with {counterparty}.",
    "LeaseAssigned": "Lease {lease_id} of {gpus} {chip} at {site} passed from {org} to {counterparty} as {kind}.",
    "LotOffered": "The estate of {org} offered {kind} {site} {chip} ({gpus} GPUs), appraised at {amount_usd_cents}.",
    "BidPlaced": "{org} bid {amount_usd_cents} for {lot_id}.",
    "BidRefused": "A bid of {org} for {lot_id} was refused: {reason}.",
    "LotSold": "{counterparty} bought {kind} {site} {chip} ({gpus} GPUs) of {org}'s estate for {amount_usd_cents}.",
    "GpusTransferred": "{gpus} {chip} at {site} passed from {org} to {counterparty}, {gpus_let} of them let.",
    "StockTransferred": "{gpus} {chip} in the warehouse passed from {org} to {counterparty}.",
    "LoanWrittenOff": "{counterparty} lost {amount_usd_cents} of its loan to {org}.",
    "LoanRestructured": "{counterparty}'s loan to {org} goes on at {amount_usd_cents} until {end_day}.",
    "StakeCancelled": "{counterparty} lost the {amount_usd_cents} that it had put into {org}.",
    "ClaimSettled": "{counterparty} recovered {amount_usd_cents} of {org} as {kind} ({rank}).",
    "EstateClosed": "{org}'s estate was closed with {amount_usd_cents} for its claims: {kind}.",
    "OrgExited": "{org} left the market: {reason}.",
    "WindUpFiled": "{counterparty} wants {org} wound up.",
    "ExitRefused": "{org} may not wind that org up: {reason}.",
    "EntryRefused": "{org} could not found an org: {reason}.",
    "WarrantsGranted": "{counterparty} granted {org} warrants worth {amount_usd_cents} for {gpus} GPUs by {end_day}.",
    "WarrantsRefused": "{org} could not grant warrants to {counterparty}: {reason}.",
    "WarrantsVested": "Warrants of {org} on {counterparty} vested for {amount_usd_cents}.",
    "WarrantsEnded": "Warrants of {org} on {counterparty} ended ({reason}) with {amount_usd_cents} not earned.",
    "TradeRefused": "{org} asked for {kind} and was refused: {reason}.",
    # policy
    "PolicyEnacted": "Policy {policy} came into force.",
    "PolicyRepealed": "Policy {policy} ended.",
    "PolicyAdopted": "{kind} adopted policy {policy}: {reason}.",
    "CommandForbidden": "Policy {policy} forbade {org} to {kind}: {reason}.",
    "QuotaUsed": "{org} used {value} of the allowance of {policy} ({kind}).",
    "LevyCharged": "Policy {policy} charged {org} {amount_usd_cents}.",
    "LicenceSought": "{org} sought the licence that policy {policy} demands to {kind} ({reason}), due {due_day}.",
    "LicenceDecided": "Policy {policy} decided on the licence of {org} to {kind} ({reason}): granted {share}.",
    "ReportFiled": "{org} reported to {kind} under policy {policy}: {reason} ({value}).",
    "SubsidyPaid": "Policy {policy} paid {org} {amount_usd_cents}.",
}  # fmt: skip

TERMS = (
    ("term_price", "price"),
    ("term_time", "time"),
    ("term_control", "control"),
    ("term_risk", "risk"),
    ("term_noise", "noise"),
)
FACTS = (
    ("h100e", "{:,.0f} H100e"),
    ("cost_usd_per_h100e_hour", "{:.2f} USD an H100e-hour"),
    ("wait_weeks", "in {:.0f} weeks"),
)


UNITS_OF_INPUTS = {"packaging": "slots", "memory": "GB", "racks": "racks", "shells": "kW", "plant": "kW"}


class _Said(dict[str, str]):
    """Fields as words; what an event lacks reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"


def sentence(kind: str, fields: Mapping[str, Any]) -> str:
    """Say an event as a sentence. `fields` may hold more columns, and null ones."""
    said = _Said({name: word(name, value) for name, value in fields.items() if value is not None})
    template = SENTENCES.get(kind)
    if template is None:
        return f"{kind}: {', '.join(f'{name} {value}' for name, value in said.items())}."
    said["terms"] = terms(fields)
    said["last_day"] = word("day", fields["end_day"] - 1) if kind == "RunStarted" else "-"
    said["better"] = (
        f", on which {said['option']} was better" if kind == "LeaseTalksFailed" and "option" in said else ""
    )
    said["by"] = f" under policy {said['policy']}" if kind == "OptionRejected" and "policy" in said else ""
    said["place"] = f"site {said['site']}, " if said.get("site") else ""
    said["unit"] = UNITS_OF_INPUTS.get(said["kind"], "units")
    is_met = kind == "InputBound" and (fields.get("share") or 0) >= 1
    said["hold"], said["met"] = ("do not hold", "all") if is_met else ("hold", said["share"])
    said["power"] = " with power of its own" if fields.get("on_site_power") else ""
    return template.format_map(said)


def inside(kind: str, says: str) -> str:
    """Write a sentence as a clause of another: a name that begins it keeps its capital."""
    return says if SENTENCES.get(kind, "{").startswith("{") else says[:1].lower() + says[1:]


def terms(fields: Mapping[str, Any]) -> str:
    """Write what a candidate offers and the terms on which it was scored, those that are zero left out."""
    found = [text.format(fields[field]) for field, text in FACTS if fields.get(field)]
    found += [f"{name} {fields[field]:+.2f}" for field, name in TERMS if fields.get(field)]
    return ", ".join(found) or "no terms"


def word(name: str, value: Any) -> str:
    """Write a value for reading by the unit at the end of its field's name."""
    if name.endswith("_day") or name == "day":
        return to_date(value).isoformat()
    if name.endswith("_usd_cents"):
        return money(value / 100)
    if name.startswith("power_kw_") and isinstance(value, int):
        return f"{value / 1000:,.0f} MW" if value >= 10_000 else f"{value:,} kW"
    if name in ("flop", "params", "tokens"):
        return f"{value:.1e}"
    if name == "share":
        return f"{value:.0%}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def money(usd: float) -> str:
    """Write USD in three digits and the unit that fits: tn, bn or m USD, as everywhere in reports."""
    return amount(usd, "USD")
