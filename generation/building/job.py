"""What a build is to make, and the checksums of all that decides it: sent to every worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.building.progress_files import WorkFolder, key_of
from generation.natural.photographs import Identity
from generation.networks.spec import NetworkSpec
from generation.recipe import Recipe
from stimuli import Unit

# Raised when a change of this code changes the images that a recipe makes.
ALGORITHM = 3


@dataclass(frozen=True)
class Facts:
    """Where the numbers are computed.

    Attributes
    ----------
    device : str
        "cpu" or "cuda".
    device_name : str
    torch : str
        Its version.
    precision : str
        Number format of synthesis' passes, resolved for the device.
    threads : int
        Of torch.
    scheduler : str
        Who divides the work: "one process", or Ray and its version.
    workers : int
        Who work at a time.
    """

    device: str
    device_name: str
    torch: str
    precision: str
    threads: int
    scheduler: str
    workers: int = 1


@dataclass(frozen=True)
class Job:
    """A build's parts can be made from this, the photographs and the network alone.

    Attributes
    ----------
    recipe : Recipe
    bank : Path
    facts : Facts
    network : dict
        All about the network that decides an activation.
    photographs : dict
        All that is known beforehand of the photographs and what is done with them.
    credits : str
        Checksum of what the bank says of their classes, licences and authors.
    """

    recipe: Recipe
    bank: Path
    facts: Facts
    network: dict[str, Any]
    photographs: dict[str, Any]
    credits: str = ""

    @property
    def work(self) -> WorkFolder:
        """The folder of finished parts."""
        return WorkFolder(self.bank, build=self.build_key)

    @property
    def build_key(self) -> str:
        """Checksum of all that decides the bank."""
        recipe = self.recipe.model_dump(mode="json", exclude={"description", "natural"})
        return key_of(
            {
                **self._base(),
                **self.photographs,
                "credits": self.credits,
                "precision": self.facts.precision,
                "recipe": recipe,
            }
        )

    def recording_key(self, units: Sequence[Unit]) -> str:
        """Checksum of all that decides the recording."""
        columns = [unit.unit_id for unit in units]
        return key_of(
            {
                **self._base(),
                **self.photographs,
                "size": self.recipe.synthesis.image_size,
                "layers": sorted({unit.layer for unit in units}),
                "columns": columns if self.recipe.natural.query_percentile else None,
            }
        )

    def synthesis_determinants(self) -> dict[str, Any]:
        """Give all that decides the images of a unit besides the unit itself."""
        synthesis = self.recipe.synthesis
        return {
            **self._base(),
            "synthesis": synthesis.model_dump(mode="json"),
            "precision": self.facts.precision,
            **(self.photographs if synthesis.parametrization == "maco" else {}),
        }

    def _base(self) -> dict[str, Any]:
        return {
            "algorithm": ALGORITHM,
            "network": self.network,
            "seed": self.recipe.seed,
            "torch": self.facts.torch,
            "device": self.facts.device,
        }


def plan_job(
    recipe: Recipe, spec: NetworkSpec, bank: Path, facts: Facts, identity: Identity
) -> Job:
    """Put together what a build is to make."""
    photographs = {
        "listing": identity.listing_sha256,
        "contents": identity.contents.hex() if identity.contents else None,
        "natural": recipe.natural.determinants(),
    }
    return Job(recipe, bank, facts, spec.determinants(), photographs, identity.credits_sha256)
