"""One kind of exception for everything a person can mend."""

from __future__ import annotations


class UserError(Exception):
    """A problem that the person at the keyboard can understand and mend.

    Command lines print it as one message and exit with status 2; a traceback would only hide
    the sentence that helps.

    Parameters
    ----------
    problem : str
        What is wrong, as a sentence without its final full stop.
    where : str, optional
        The file, key, line or option that it concerns.
    remedy : str, optional
        What to do about it.
    """

    def __init__(
        self, problem: str, *, where: str | None = None, remedy: str | None = None
    ) -> None:
        self.problem = problem.rstrip(". ")
        self.where = where
        self.remedy = remedy.rstrip() if remedy else None
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        text += "." if text[-1] not in "?!" else ""
        return f"{text} {self.remedy}" if self.remedy else text
