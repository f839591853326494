"""The stimulus bank: one self-describing HDF5 file of images that explain units.

Written by `generation`, shown by `experiment`. Reading needs h5py and numpy, no torch.
"""

from stimuli.bank import StimulusBank, read_units
from stimuli.machine import MachinePrediction
from stimuli.machine_writer import add_machine
from stimuli.schema import (
    ROLES,
    SCHEMA_VERSION,
    SELECTIONS,
    SIGNS,
    Sign,
    Unit,
    natural_id,
    synthetic_id,
    unit_id,
)
from stimuli.verify import Verification, verify_bank
from stimuli.writer import BankWriter

__all__ = [
    "ROLES",
    "SCHEMA_VERSION",
    "SELECTIONS",
    "SIGNS",
    "BankWriter",
    "MachinePrediction",
    "Sign",
    "StimulusBank",
    "Unit",
    "Verification",
    "add_machine",
    "natural_id",
    "read_units",
    "synthetic_id",
    "unit_id",
    "verify_bank",
]
