"""Two looks at the host differ in exactly what was left behind."""

from __future__ import annotations

from tests.support.world import World


def test_only_what_is_new_was_left_behind() -> None:
    before = World({"link": {"lo": "", "gone": ""}, "mount": {"/": "ext4"}})
    after = World({"link": {"lo": "", "plm7": ""}, "mount": {"/": "overlay", "/run/x": "tmpfs"}})
    assert after.left_since(before) == ["link: plm7", "mount: /run/x tmpfs"]


def test_a_host_that_did_not_change_has_nothing_left() -> None:
    world = World({"link": {"lo": ""}, "route": {"default": ""}})
    assert world.left_since(world) == []
