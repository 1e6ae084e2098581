"""Which events the auditor keeps from the first to the last: terms that are asked about long after.

All others, nine in ten of a log, are read within one part and left: payments, shipments, installations, what is served.
"""

from __future__ import annotations

KEPT_TYPES = frozenset({
    "RunStarted", "WeekClosed", "RunEnded", "OrgRegistered", "OrgExited", "OrgDefaulted", "ChipAnnounced",
    "ParameterSet", "PriceMoved", "OrderPlaced",
    "SitePlanned", "BuildingStarted", "PowerQueued", "ShellReady", "PowerGranted", "PowerEnergised",
    "PlantPermitted", "PermitSought", "PermitRefused", "PlantStopped", "GridConnected",
    "TrainingStarted", "TrainingReplanned", "TrainingFinished", "TrainingAbandoned",
    "ProjectStarted", "ProjectResized", "ProjectStopped", "ProjectEnded",
    "LeaseTalksFailed", "QuoteGiven", "QuoteLapsed", "LeaseSigned", "LeaseEnded", "LeaseAssigned", "LeaseRenewed",
    "LeaseRejected", "RentStepped", "OptionExercised", "GpusHandedOver", "CapacityShed", "ConsentGiven",
    "AssignmentOffered", "ContractSigned", "ContractEnded", "TrancheScheduled", "TrancheDrawn",
    "EstateOpened", "EstateClosed", "ClaimFiled", "ClaimSettled", "LoanGranted", "LoanKnown", "LoanWrittenOff",
    "LotOffered", "LotSold", "BidPlaced", "WarrantsGranted", "PaymentMade",
})  # fmt: skip
KEPT_PAYMENTS = (
    "opening", "deposit", "deposit back", "termination fee", "recovery", "estate sale",
)  # fmt: skip
