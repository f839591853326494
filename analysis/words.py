"""Numbers and names as a reader meets them in sentences, tables and figures."""

from __future__ import annotations

import math

MEASURES = {
    "accuracy": "Accuracy",
    "rt": "Response time",
    "confidence": "Confidence",
    "confidence_share": "Share of confidence",
    "consistency": "Consistency",
    "intuitiveness": "Intuitiveness",
    "intuitiveness_change": "Change of intuitiveness",
    "d_prime": "Sensitivity d′",
    "criterion": "Criterion",
    "auroc2": "Type-2 ROC area",
    "meta_d": "meta-d′",
    "m_ratio": "M-ratio",
    "agreement": "Agreement",
    "cohen_kappa": "Cohen's κ",
    "krippendorff_alpha": "Krippendorff's α",
    "glmm_sd": "Spread, log odds of a right answer",
    "glmm_slopes_sd": "Spread, log odds of a right answer",
    "glmm_slopes_slope_sd": "Spread of the difference, log odds",
    "lmm_log_rt_sd": "Spread, log response time",
    "lmm_log_rt_slope_sd": "Spread of the difference, log response time",
    "lmm_confidence_sd": "Spread, confidence",
    "lmm_confidence_slope_sd": "Spread of the difference, confidence",
}
TESTS = {
    "rm_anova": "Repeated-measures ANOVA",
    "rm_anova_posthoc": "Post-hoc t, pooled error",
    "t_paired": "Paired t",
    "wilcoxon_participants": "Wilcoxon over participants",
    "wilcoxon_units": "Wilcoxon over units",
    "t_chance": "t against chance",
    "mauchly": "Mauchly's sphericity",
    "mixed_anova": "Mixed ANOVA, type III",
    "t_independent": "Welch's t, two groups",
    "equivalence": "Equivalence (TOST)",
    "t_trend": "t of the trend over trials",
    "glmm": "Logistic mixed model, no slopes",
    "glmm_slopes": "Logistic mixed model",
    "lmm_log_rt": "Mixed model of log time",
    "lmm_confidence": "Mixed model of confidence",
    "glmm_bayes": "Posterior, no slopes",
    "glmm_slopes_bayes": "Logistic mixed model, posterior",
    "lmm_log_rt_bayes": "Mixed model of log time, posterior",
    "lmm_confidence_bayes": "Mixed model of confidence, posterior",
}
TRIALS = {
    "all": "main trials",
    "correct": "correct answers",
    "incorrect": "wrong answers",
    "catch": "catch trials",
    "practice": "practice trials",
    "repeated": "repeated trials",
}
_PROPORTIONS = ("accuracy", "confidence_share", "consistency", "auroc2", "agreement",
                "cohen_kappa", "krippendorff_alpha")  # fmt: skip
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with a true minus sign, and a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.removeprefix("-")


def proportion(value: float | None, digits: int = 3) -> str:
    """Write a number between -1 and 1 without its leading zero, as journals do."""
    text = number(value, digits)
    return text.replace("0.", ".", 1) if text.lstrip(MINUS).startswith("0.") else text


def p_value(value: float | None) -> str:
    """Write p with three digits: `.015`, `< .001`; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    return "< .001" if value < 0.001 else proportion(min(value, 1.0))


def bayes_factor(value: float | None) -> str:
    """Write a Bayes factor for a difference: `.21`, `5.1`, `1,200`; beyond 10,000 as `> 10,000`."""
    if value is None or math.isnan(value):
        return NONE
    if value > 10_000:
        return "> 10,000"
    if value < 0.001:
        return "< .001"
    return f"{value:,.0f}" if value >= 100 else proportion(value, 2 if value < 10 else 1)


def p_phrase(value: float | None) -> str:
    """Write `p = .015` or `p < .001` for a sentence, with spaces at which no line breaks."""
    text = p_value(value)
    phrase = f"p {text}" if text.startswith("<") else f"p = {text}"
    return phrase.replace(" ", "\N{NO-BREAK SPACE}")


def measured(measure: str, value: float | None) -> str:
    """Write a value of a measure with the digits that it deserves."""
    if measure in _PROPORTIONS:
        return proportion(value)
    return number(value, 1 if measure == "intuitiveness" else 2)


def interval(measure: str, low: float, high: float) -> str:
    """Write an interval, or a dash where it is not defined."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"[{measured(measure, low)}, {measured(measure, high)}]"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun in the right form."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def listed(names: list[str]) -> str:
    """Join names: `a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
