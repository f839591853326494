"""False-positive rate of every test of the report on data without an effect.

    python benchmarks/calibration.py                  # 1,000 data sets a scenario
    python benchmarks/calibration.py --sets 200 --scenario intercepts slopes
    python benchmarks/calibration.py --record half1.jsonl --part 1/2 & \
    python benchmarks/calibration.py --record half2.jsonl --part 2/2 & wait
    python benchmarks/calibration.py --sets 0 --record half1.jsonl half2.jsonl

Every data set has its own stream of the seed, so that parts can be computed anywhere in any order.
`--record` names files, one line a data set, added to as they are done: what is in them is not
computed again, so an interrupted run goes on. The table is of all that they hold.

Data sets are experiments of 10 participants (5 expert, 5 lay), 24 units and three conditions that
do not differ, answered by signal-detection observers; times are log-normal. Scenarios:

- intercepts: participants and units differ, each alike in all conditions;
- slopes: the difference of two conditions also varies over participants and over units, about
  zero: a test that takes either as fixed finds such a difference too often;
- people: the same, but over participants four times as much;
- chance: nobody sees anything, for the test against chance;
- margin: two conditions differ by exactly the bound of the equivalence test, for that test.

Every p is that of one contrast (synthetic against natural), uncorrected, from the functions that
the report calls. Prints for each test the share below .05 with its 95 % interval (Wilson).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

# Python looks beside a script first, where a file is called like the package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from analysis.anova import pooled_posthoc, repeated_measures_anova  # noqa: E402
from analysis.comparisons import participant_means, wilcoxon_row  # noqa: E402
from analysis.equivalence import BOUNDS, equivalence_row  # noqa: E402
from analysis.measures import with_codes  # noqa: E402
from analysis.mixed_anova import mixed_anova  # noqa: E402
from analysis.mixed_models import MixedFit, fit_contrast, wald  # noqa: E402
from analysis.model_tests import MODELS, values_of  # noqa: E402
from analysis.t_tests import independent_t, one_sample_t  # noqa: E402
from house.seeds import generator  # noqa: E402

PARTICIPANTS, UNITS = 10, 24
CONDITIONS = ("synthetic", "natural", "none")
LEVEL = 0.05
SCENARIOS = ("intercepts", "slopes", "people", "chance", "margin")
SLOPES = {"slopes": (0.5, 0.5), "people": (2.0, 0.5)}
"""SD of the conditions' deviations over participants and over units, as a multiple of the SD of the
intercepts."""
PAIR = CONDITIONS[:2]


def null_trials(random: np.random.Generator, scenario: str) -> pd.DataFrame:
    """Trials of one experiment, as `load` gives them."""
    p, u, c = (
        a.ravel()
        for a in np.meshgrid(np.arange(PARTICIPANTS), np.arange(UNITS), np.arange(3), indexing="ij")
    )
    accuracy = np.full(3, 0.5 if scenario == "chance" else 0.82)
    if scenario == "margin":
        accuracy = accuracy + np.array([BOUNDS["accuracy"], 0, BOUNDS["accuracy"] / 2])
    sizes = {"d": (0.15, 0.75), "rt": (0.35, 0.3), "confidence": (0.3, 0.3)}
    person_slope, unit_slope = SLOPES.get(scenario, (0.0, 0.0))
    if scenario == "chance":
        sizes["d"] = (0.0, 0.0)
    shift = {}
    variance = 0.0
    for name, (person, unit) in sizes.items():
        people = random.normal(0, person, PARTICIPANTS)[p]
        units = random.normal(0, unit, UNITS)[u]
        # Every condition's deviation is drawn alike, so that conditions stay exchangeable.
        people = people + person_slope * person * random.normal(0, 1, (PARTICIPANTS, 3))[p, c]
        units = units + unit_slope * unit * random.normal(0, 1, (UNITS, 3))[u, c]
        shift[name] = people + units
        if name == "d":
            variance = (1 + person_slope**2) * person**2 + (1 + unit_slope**2) * unit**2
    d = special.ndtri(accuracy)[c] * np.sqrt(2 + variance) + shift["d"]
    lower = random.random(len(p)) < 0.5
    evidence = np.where(lower, d, -d) + random.normal(0, np.sqrt(2), len(p))
    sure = np.abs(evidence) + shift["confidence"]
    order = np.lexsort((random.random(len(p)), p))
    trial = np.empty(len(p), dtype=int)
    trial[order] = np.tile(np.arange(1, UNITS * 3 + 1), PARTICIPANTS)
    table = pd.DataFrame(
        {
            "participant": p + 1, "session": 1, "trial": trial, "block": 1 + (trial - 1) // 12,
            "trial_type": "main", "condition": np.array(CONDITIONS)[c], "scheme": "Min+Max 9",
            "expertise": np.where(p % 2 == 0, "expert", "lay"),
            "unit": [f"3a:1x1:{k}" for k in u], "layer": "3a", "branch": "1x1",
            "selection": "random", "batch": 1,
            "correct_position": np.where(lower, "lower", "upper"),
            "choice": np.where(evidence > 0, "lower", "upper"), "correct": (evidence > 0) == lower,
            "confidence": 1 + np.digitize(sure, [0.8, 1.9]),
            "rt": np.exp(1.5 + shift["rt"] + random.normal(0, 0.6, len(p))),
            "rating": np.nan, "repeated_of": np.nan, "experiment": "null", "kind": "simulated",
        }
    )  # fmt: skip
    return with_codes(table.astype({"correct": "boolean", "confidence": "Int64"}))


def p_values(trials: pd.DataFrame, scenario: str) -> dict[tuple[str, str], float]:
    """Uncorrected p of every test, NaN where it is not defined, by test and measure."""
    found: dict[tuple[str, str], float] = {}
    pair = "-".join(PAIR)
    if scenario in ("chance", "margin"):
        wide = participant_means(trials, "correct", list(CONDITIONS))
        if scenario == "chance":
            tested = one_sample_t(wide["natural"].to_numpy(), 0.5, "natural-chance")
            return {("t_chance", "accuracy"): tested.p if tested else np.nan}
        difference = (wide[PAIR[0]] - wide[PAIR[1]]).to_numpy()
        row = equivalence_row(difference, None, pair, "accuracy")
        return {("equivalence", "accuracy"): row["p"] if row else np.nan}
    expertise = trials.groupby("participant")["expertise"].first()
    for measure, column in (("accuracy", "correct"), ("rt", "rt"), ("confidence", "confidence")):
        wide = participant_means(trials, column, list(CONDITIONS))
        anova = repeated_measures_anova(wide)
        if anova is not None:
            found["rm_anova", measure] = anova.p
            found["rm_anova (Greenhouse-Geisser)", measure] = anova.p_gg
            posthoc = {test.contrast: test.p for test in pooled_posthoc(wide, anova)}
            found["rm_anova_posthoc", measure] = posthoc[pair]
        paired = one_sample_t((wide[PAIR[0]] - wide[PAIR[1]]).to_numpy(), 0.0, pair)
        found["t_paired", measure] = paired.p if paired else np.nan
        for by in ("participant", "unit"):
            row = wilcoxon_row(trials, column, measure, by, PAIR, 1)
            found[f"wilcoxon_{by}s", measure] = row.get("p", np.nan)
        person = expertise.loc[wide.index.astype(int)].to_numpy()
        means = wide.mean(axis=1).to_numpy()
        groups = independent_t(means[person == "expert"], means[person == "lay"], "expert-lay")
        found["t_independent", measure] = groups.p if groups else np.nan
        cells = wide.copy()
        cells.columns = pd.MultiIndex.from_arrays([CONDITIONS], names=["condition"])
        for effect in mixed_anova(cells, pd.DataFrame({"expertise": person}, index=wide.index)):
            found[f"mixed_anova {effect.name}", measure] = effect.p
    part = trials[trials["condition"].isin(PAIR)]
    first = (part["condition"] == PAIR[0]).to_numpy()
    people, units = (part[c].to_numpy() for c in ("participant_code", "unit_code"))
    for test, measure, column, slopes in MODELS:
        logistic = measure == "accuracy"
        fitted = fit_contrast(
            values_of(part, measure, column), first, people, units, logistic=logistic,
            slopes=slopes,
        )  # fmt: skip
        found[test, measure] = wald(fitted).p if isinstance(fitted, MixedFit) else np.nan
        if test == "glmm_slopes":
            z = fitted.estimate / fitted.standard_error if isinstance(fitted, MixedFit) else np.nan
            found["glmm_slopes with z", measure] = float(2 * stats.norm.sf(abs(z)))
    return found


Recorded = dict[tuple[str, int], dict[tuple[str, str], float]]


def read_records(files: list[Path], seed: int) -> Recorded:
    """Data sets that are done, by scenario and number; a line that was cut off is left out."""
    done: Recorded = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if entry["seed"] != seed:
                sys.exit(f"{file} holds data sets of seed {entry['seed']}, not of {seed}")
            values = {tuple(k.split("|")): np.nan if p is None else p
                      for k, p in entry["p"].items()}  # fmt: skip
            done[entry["scenario"], entry["set"]] = values
    return done


def line_of(seed: int, scenario: str, number: int, found: dict[tuple[str, str], float]) -> str:
    """One line of a record."""
    values = {"|".join(key): None if np.isnan(p) else p for key, p in found.items()}
    return json.dumps({"seed": seed, "scenario": scenario, "set": number, "p": values}) + "\n"


def _cut_off(file: Path) -> bool:
    with file.open("rb") as content:
        size = content.seek(0, 2)
        if not size:
            return False
        content.seek(size - 1)
        return content.read(1) != b"\n"


def print_table(scenario: str, sets: list[dict[tuple[str, str], float]]) -> None:
    """Print the table of one scenario."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in sets:
        for key, p in one.items():
            values[key].append(p)
    print(f"\n### {scenario}: {len(sets):,} data sets\n")
    print("| test | measure | share of p < .05 | 95 % interval | undefined |")
    print("|---|---|---|---|---|")
    for (test, measure), found in sorted(values.items()):
        known = np.array([p for p in found if np.isfinite(p)])
        if not len(known):
            continue
        rejected = int((known < LEVEL).sum())
        ends = stats.binomtest(rejected, len(known)).proportion_ci(method="wilson")
        mark = " **above**" if ends.low > LEVEL else " below" if ends.high < LEVEL else ""
        print(
            f"| {test} | {measure} | {rejected / len(known):.3f}{mark} | "
            f"[{ends.low:.3f}, {ends.high:.3f}] | {len(found) - len(known)} |",
            flush=True,
        )


def main() -> None:
    """Compute what is not recorded, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000, help="data sets a scenario")
    parser.add_argument("--scenario", nargs="*", default=list(SCENARIOS), choices=SCENARIOS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="1/1", help="such as 2/4: the second of four parts")
    parser.add_argument("--record", nargs="*", type=Path, default=[],
                        help="files of data sets that are done; the first is added to")  # fmt: skip
    given = parser.parse_args()
    part, parts = (int(number) for number in given.part.split("/"))
    warnings.simplefilter("ignore")
    done = read_records(given.record, given.seed)
    for scenario in given.scenario:
        begin = time.process_time()
        own = [k for k in range(part - 1, given.sets, parts) if (scenario, k) not in done]
        for k in own:
            random = generator(given.seed, "benchmarks", "calibration", scenario, k)
            found = p_values(null_trials(random, scenario), scenario)
            done[scenario, k] = found
            if given.record:
                with given.record[0].open("a", encoding="utf-8") as file:
                    # A line of its own, even after one that was cut off.
                    file.write(
                        "\n" * _cut_off(given.record[0]) + line_of(given.seed, scenario, k, found)
                    )
        if own:
            spent = time.process_time() - begin
            print(f"{scenario}: {len(own):,} data sets in {spent:.0f} s of the processor",
                  file=sys.stderr)  # fmt: skip
        sets = [done[key] for key in sorted(done) if key[0] == scenario]
        if sets:
            print_table(scenario, sets)


if __name__ == "__main__":
    main()
