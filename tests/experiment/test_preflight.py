"""What preflight says of keyboards, scaling, monitors and graphics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment.preflight import (
    Check,
    check_graphics,
    check_keyboard,
    check_monitor,
    check_refresh,
    check_scaling,
    settle,
    xrandr_scaling,
)
from experiment.protocol import Protocol, load_protocol
from house.errors import UserError

PLAIN = """Screen 0: minimum 16 x 16, current 1920 x 1080, maximum 32767 x 32767
HDMI-1 connected primary 1920x1080+0+0 (normal left inverted right x axis) 531mm x 299mm
   1920x1080     60.00*+  50.00
   1280x720      60.00
DP-1 disconnected (normal left inverted right x axis y axis)
"""
TURNED = """DP-2 connected 1080x1920+1920+0 left (normal left inverted right) 531mm x 299mm
   1920x1080     60.00*+
"""
SCALED = """HDMI-1 connected primary 3840x2160+0+0 (normal left inverted right) 531mm x 299mm
   1920x1080     60.00*+  50.00
   3840x2160i    30.00
"""
SECOND = (
    PLAIN
    + """DP-3 connected 2560x1440+1920+0 (normal left inverted right) 600mm x 340mm
   3840x2160     60.00*+
"""
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PLAIN, None),
        (TURNED, None),
        ("", None),
        (SCALED, "HDMI-1 shows 3840x2160 on 1920x1080"),
        (SECOND, "DP-3 shows 2560x1440 on 3840x2160"),
    ],
)
def test_scaled_screens_are_found(text: str, found: str | None) -> None:
    assert xrandr_scaling(text) == found


def test_scaling() -> None:
    size = (1920, 1080)
    assert check_scaling(size, size, None).problem is None
    assert "by 2," in str(check_scaling(size, (3840, 2160), None).problem)
    check = check_scaling(size, size, "HDMI-1 shows 3840x2160 on 1920x1080")
    assert "HDMI-1" in str(check.problem)
    assert "100 %" in str(check.remedy)


def measured(protocol: Protocol, width: int, height: int) -> Protocol:
    monitor = protocol.monitor.model_copy(
        update={"width_cm": 53.0, "distance_cm": 60.0, "width_px": width, "height_px": height}
    )
    return protocol.model_copy(update={"monitor": monitor})


def test_the_monitor_is_the_one_that_was_measured(protocol: Protocol) -> None:
    assert check_monitor((1280, 720), protocol).problem is None  # nothing was measured
    same = measured(protocol, 1920, 1080)
    assert check_monitor((1920, 1080), same).problem is None
    assert "1280 x 720 px" in str(check_monitor((1280, 720), same).problem)


@pytest.mark.parametrize(
    ("renderer", "wrong"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits) · 4.5 Mesa", True),
        ("softpipe · 3.3", True),
        ("Apple Software Renderer", True),
        ("GDI Generic · 1.1", True),
        ("NVIDIA GeForce RTX 3060/PCIe/SSE2 · 4.6.0", False),
        ("Mesa Intel(R) UHD Graphics 620 (KBL GT2) · 4.6 Mesa 22.3.6", False),
    ],
)
def test_graphics_drawn_by_the_processor(renderer: str, wrong: bool) -> None:
    assert (check_graphics(renderer).problem is not None) == wrong


def test_the_keyboard_is_recorded() -> None:
    assert check_keyboard({"backend": "ptb", "devices": [3, 5]}).record() == {
        "name": "keyboard",
        "found": "ptb, 2 devices",
    }


def test_every_problem_says_what_to_do(protocol: Protocol) -> None:
    problems: list[Check] = [
        check_refresh(None, protocol),
        check_refresh(75.0, protocol),
        check_scaling((10, 10), (20, 20), None),
        check_monitor((1, 1), measured(protocol, 2, 2)),
        check_graphics("llvmpipe"),
    ]
    for check in problems:
        with pytest.raises(UserError, match="--rehearsal") as caught:
            settle([check], rehearsal=False)
        assert str(check.remedy) in str(caught.value)
        assert check.record()["problem"] == check.problem
    assert settle(problems, rehearsal=True) == [check.problem for check in problems]


def test_another_rate_is_accepted_where_the_protocol_says_so(
    variant: Callable[..., Path],
) -> None:
    protocol, _ = load_protocol(str(variant(("refresh_rate = 60 ", "refresh_rate = 120 "))))
    assert check_refresh(119.9, protocol).problem is None
    # A rate that was not measured is never taken for the one that is expected.
    assert check_refresh(None, protocol).problem is not None
