"""What a session runs on, opened together: window or none, keyboard or observer, triggers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from experiment.display import Display
from experiment.machine_observer import MachineChoice
from experiment.options import Options
from experiment.preflight import (
    Check,
    check_graphics,
    check_keyboard,
    check_monitor,
    check_refresh,
    check_scaling,
    check_size,
    screen_scaling,
)
from experiment.protocol import Protocol
from experiment.replay import named_observer
from experiment.responses import KeyboardResponses, ObserverResponses
from experiment.screens import Responses
from experiment.stage import Stage, VirtualStage
from experiment.triggers import Triggers, open_triggers
from participants import Plan


@dataclass(frozen=True)
class Apparatus:
    """What a session runs on."""

    stage: Stage
    responses: Responses
    triggers: Triggers

    def checks(self, protocol: Protocol) -> list[Check]:
        """Look at what must hold of it before the first screen."""
        found: list[Check] = []
        if isinstance(self.stage, Display):
            said = self.stage.describe()
            found += [
                check_refresh(self.stage.refresh_rate, protocol),
                check_size(self.stage.size, protocol),
                check_monitor(self.stage.screen_size, protocol),
                check_scaling(self.stage.size, self.stage.framebuffer_size, screen_scaling()),
                check_graphics(str(said["graphics"])),
            ]
        if isinstance(self.responses, KeyboardResponses):
            found.append(check_keyboard(self.responses.describe()))
        return found

    def describe(self) -> dict[str, Any]:
        """Give the fields of the session's metadata."""
        return {
            "screen": self.stage.describe(),
            "keyboard": self.responses.describe(),
            "triggers": self.triggers.describe(),
        }


def open_apparatus(options: Options, plan: Plan, protocol: Protocol, stack: ExitStack) -> Apparatus:
    """Open everything; `stack` closes it again.

    Raises
    ------
    UserError
        See `display`, `responses`, `triggers`.
    """
    source = f"exemplary-{plan.participant:03d}-{plan.session:02d}"
    triggers = open_triggers(options.triggers, source)
    stack.callback(triggers.close)
    stage: Stage
    if options.window:
        stage = Display(
            protocol,
            size=options.size,
            fullscreen=options.fullscreen,
            photodiode=options.photodiode,
            screenshots=options.screenshots,
        )
    else:
        stage = VirtualStage()
    stack.callback(stage.close)
    responses: Responses
    if options.observer is None:
        pointer = stage.pointer if isinstance(stage, Display) else None
        responses = KeyboardResponses(options.keyboard, pointer)
    else:
        observer = named_observer(
            options.observer,
            plan.seed,
            plan.participant,
            plan.session,
            options.answers,
            plan,
            MachineChoice(options.bank, options.machine, options.noise),
        )
        responses = ObserverResponses(observer, stage.now, options.pace)
    stack.callback(responses.close)
    return Apparatus(stage, responses, triggers)
