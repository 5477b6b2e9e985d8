# SPDX-License-Identifier: GPL-2.0-only
"""What the agent promises of scripts of disks: real ones run, with Debian's xenstore-read and -write; systemd is fake_scripts.c."""
import os
import subprocess

from world import WORK, Client, ask, back, connected, ended, front, image, nothing_left, ok, prepare, refused

# As Xen's: what it finds and does is in the log. What the target is decides how it goes.
SCRIPT = f"""#!/bin/sh
log() {{
	echo "$1 $(xenstore-read "$XENBUS_PATH/params")" >>{WORK}/script.log
}}
log "$1"
{{
	echo "$0 $*"
	env | grep -E '^(script|XENBUS_.*|vif|netdev)='
	xenstore-ls "$XENBUS_PATH"
	xenstore-ls "/local/domain/$(xenstore-read "$XENBUS_PATH/frontend-id")/device" 2>/dev/null
}} >{WORK}/script.seen.$1
params=$(xenstore-read "$XENBUS_PATH/params")
case $1:$params in
add:fail)
	xenstore-write "$XENBUS_PATH/hotplug-error" "the target is no good" "$XENBUS_PATH/hotplug-status" error
	exit 3
	;;
add:hang) read -r line <{WORK}/fifo ;;
add:nothing) ;;
add:nonsense) xenstore-write "$XENBUS_PATH/physical-device" 8 ;;
add:none) xenstore-write "$XENBUS_PATH/physical-device" fff:ff ;;
add:*)
	dev=$(losetup -f --show "{WORK}/$params") || exit 1
	xenstore-write "$XENBUS_PATH/node" "$dev" "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T "$dev")"
	;;
remove:fail)
	xenstore-write "$XENBUS_PATH/hotplug-error" "there is nothing to undo"
	exit 1
	;;
remove:stay) losetup -d "$(xenstore-read "$XENBUS_PATH/node")"; exit 1 ;;
remove:hang|remove:n*) ;;
remove:*) losetup -d "$(xenstore-read "$XENBUS_PATH/node")" ;;
esac
log "$1-done"
"""


def put(name, text=SCRIPT, mode=0o755):
    path = f"{WORK}/etc/scripts/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def disk(target, script="block-own", vdev="xvda"):
    return f"vdev={vdev},access=w,script={script},target={target}"


def log(target=None):
    """What was run since the last look: of @target."""
    try:
        with open(f"{WORK}/script.log", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except FileNotFoundError:
        return []
    os.unlink(f"{WORK}/script.log")
    return [line[0] for line in lines if target is None or line[1:] == [target]]


def seen(verb):
    with open(f"{WORK}/script.seen.{verb}", encoding="ascii") as file:
        return file.read()


def loops():
    text = subprocess.run(["losetup", "-l", "-n", "-O", "NAME,BACK-FILE"], check=True, capture_output=True, text=True).stdout
    return [line.split()[0] for line in text.splitlines() if WORK in line]


def let_go_of_all():
    """What a check that failed has left."""
    for loop in loops():
        subprocess.run(["losetup", "-d", loop], check=False)


def no_scripts():
    left = [name for name in os.listdir(f"{WORK}/units") if name.endswith(".script")]
    assert left == [], left
    assert loops() == [], loops()


def strange_scripts_are_refused(m):
    refused(prepare(m, 80, disk("a")), "config:4:7", "'disk': xvda: there is no script block-own, nor any other in /etc/zendo/scripts")
    put("block-own")
    put("vif-own")
    refused(prepare(m, 80, disk("a", "block-none")), "there is no script block-none; there are: /etc/zendo/scripts/block-own [Z0413]")
    refused(prepare(m, 80, disk("a", "/etc/zendo/scripts/none")), "there is no script /etc/zendo/scripts/none")
    os.makedirs(f"{WORK}/etc/scripts/folder", exist_ok=True)
    refused(prepare(m, 80, disk("a", "folder")), "/etc/zendo/scripts/folder is no file")
    put("block-$odd")
    refused(prepare(m, 80, disk("a", "block-$odd")), "may have letters, digits and any of")
    put("block-plain", mode=0o644)
    refused(prepare(m, 80, disk("a", "block-plain")), "block-plain cannot be run")
    for mode in 0o775, 0o757:
        put("block-open", mode=mode)
        refused(prepare(m, 80, disk("a", "block-open")), "block-open may be written by others than root", "[Z0414]")
    put("block-theirs")
    os.chown(f"{WORK}/etc/scripts/block-theirs", 1, 0)
    refused(prepare(m, 80, disk("a", "block-theirs")), "block-theirs is not root's")
    os.chmod(f"{WORK}/etc/scripts", 0o777)
    refused(prepare(m, 80, disk("a")), "/etc/zendo/scripts may be written by others")
    os.chmod(f"{WORK}/etc/scripts", 0o755)
    os.makedirs(f"{WORK}/etc/theirs")
    os.symlink("../scripts/block-own", f"{WORK}/etc/theirs/b")
    os.symlink("../theirs/b", f"{WORK}/etc/scripts/block-link")
    ok(prepare(m, 80, disk(os.path.basename(image("linked")), "block-link")))
    ended(m, 80)
    os.chmod(f"{WORK}/etc/theirs", 0o777)
    refused(prepare(m, 80, disk("linked", "block-link")), "/etc/zendo/scripts/../theirs may be written by others")
    os.symlink("block-round", f"{WORK}/etc/scripts/block-round")
    refused(prepare(m, 80, disk("linked", "block-round")), "symbolic links")
    nothing_left(m, 80)
    assert log("linked") == ["add", "add-done", "remove", "remove-done"]
    no_scripts()


def a_script_makes_a_disk(m):
    image("made")
    ok(prepare(m, 81, disk("made")))
    text = seen("add")
    for line in ("/block-own add\n", "script=/etc/zendo/scripts/block-own", "XENBUS_TYPE=vbd", "XENBUS_BASE_PATH=backend",
                 "XENBUS_PATH=backend/vbd/81/51712", 'params = "made"', 'mode = "w"', 'type = "phy"', 'state = "2"', 'online = "1"',
                 'frontend-id = "81"', f'frontend = "{front(81)}"', 'script = "/etc/zendo/scripts/block-own"', 'dev = "xvda"'):
        assert line in text, f"{line} is not in {text}"
    assert "backend-id" not in text, f"the guest could see it: {text}"
    node = m.store.read(f"{back(81)}/node")
    assert loops() == [node], loops()
    assert m.store.read(f"{back(81)}/zendo-making") is None
    assert m.store.read(f"{back(81)}/hotplug-status") == "connected"
    listed = ok(ask(do="list", domid=81))["devices"][0]
    assert listed["params"] == "made" and listed["script"] == "/etc/zendo/scripts/block-own", listed
    connected(m, 81)
    # its device is claimed as any other, and so is what is below it
    refused(prepare(m, 82, f"phy:{node},xvda,w"), "in use by domain 81 (vbd-81-51712, writing)")
    refused(prepare(m, 82, f"{WORK}/made,raw,xvda,r"), "made: it is in use by domain 81")
    m.agent.kill()
    m.expect_death()
    m.start_agent()
    assert m.state("vbd-81-51712") == 2 and loops() == [node]
    refused(prepare(m, 82, f"{WORK}/made,raw,xvda,r"), "made: it is in use by domain 81")
    ok(ask(do="detach", **{"class": "vbd"}, domid=81, devid=51712, force=True))
    nothing_left(m, 81)
    text = seen("remove")
    assert "block-own remove" in text and f'node = "{node}"' in text, text
    assert log("made") == ["add", "add-done", "remove", "remove-done"]
    no_scripts()
    ok(ask(do="attach", domid=81, disk=disk("made")))
    m.domains[81] = "guest81"
    ended(m, 81)
    assert log("made") == ["add", "add-done", "remove", "remove-done"]
    no_scripts()
    ended(m, 82)


def a_store_that_dies_over_a_scripts_nodes(m):
    """They are written from a thread, by a connection of its own."""
    image("lost")
    with m.store_loses(3):
        ok(prepare(m, 86, disk("lost")))
    connected(m, 86)
    ended(m, 86)
    assert log("lost") == ["add", "add-done", "remove", "remove-done"]
    no_scripts()


def what_a_script_makes_is_looked_at(m):
    """A device that dom0 uses is refused, and the script undoes what it did."""
    image("used", 8 << 20)
    loop = subprocess.run(["losetup", "-f", "--show", f"{WORK}/used"], check=True, capture_output=True, text=True).stdout.strip()
    put("block-used", f"""#!/bin/sh
[ "$1" != add ] || xenstore-write "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T {loop})" "$XENBUS_PATH/physical-device-path" {loop}
echo "$1 used" >>{WORK}/script.log
""")
    try:
        ok(prepare(m, 83, f"phy:{loop},xvda,w"))
        refused(prepare(m, 84, disk("used", "block-used")), "config:4:7", f"{loop}: it is in use by domain 83")
        nothing_left(m, 84)
        assert log() == ["add", "remove"]
        ended(m, 83)
        ok(ask(do="prepare", domid=84, disks=1, vifs=0))
        ended(m, 84)
        assert log() == ["add", "remove"]
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)
    no_scripts()


def a_script_that_fails(m):
    refused(prepare(m, 85, disk("fail")), "config:4:7: 'disk': xvda: /etc/zendo/scripts/block-own: the target is no good (exit status 3)", "[Z0415]")
    assert log() == ["add", "remove"]
    for target, words in (("nothing", "ended well, but wrote no physical-device"), ("nonsense", "wrote physical-device '8', which is not"),
                          ("none", "there is no block device 4095:255")):
        refused(ask(do="attach", domid=85, disk=disk(target)), words)
        assert log(target) == ["add", "add-done", "remove", "remove-done"]
    refused(ask(do="attach", domid=85, disk=disk("missing")), "block-own: exit status 1: journalctl -u zendo-script-vbd-85-51712")
    assert log() == ["add", "remove", "remove-done"]
    image("first")
    m.create(86, disk("first"), disk("fail", vdev="xvdb"))
    refused(ask(do="prepare", domid=86, disks=2, vifs=0), "config:4:", "the target is no good")
    assert log("first") == ["add", "add-done", "remove", "remove-done"]
    for domid in 85, 86:
        nothing_left(m, domid)
        ended(m, domid)
    no_scripts()


def a_script_that_hangs(m):
    """It has two seconds here; others do not wait for it."""
    os.mkfifo(f"{WORK}/fifo")
    m.create(87, disk("hang"))
    hanging = Client().send(do="prepare", domid=87, disks=1, vifs=0)
    ok(prepare(m, 88, f"{image('beside')},raw,xvda,w"))
    ended(m, 88)
    refused(hanging.answer(), "block-own: it was not done in 2 seconds, and was killed")
    nothing_left(m, 87)
    assert log("hang") == ["add", "remove", "remove-done"]
    no_scripts()


def a_script_that_does_not_undo(m):
    image("stay")
    ok(prepare(m, 89, disk("stay")))
    ok(ask(do="detach", **{"class": "vbd"}, domid=89, devid=51712))
    nothing_left(m, 89)
    ended(m, 89)
    assert log() == ["add", "add-done", "remove"]
    no_scripts()


def killed_with_scripts(m):
    """Whenever it is: what was begun is undone, once, and can be had again."""
    image("killed")
    for word, runs in (("before-script", []), ("script", ["add", "add-done", "remove", "remove-done"]),
                       ("before-add", ["add", "add-done", "remove", "remove-done"]), ("add", ["add", "add-done", "remove", "remove-done"])):
        m.create(90, disk("killed"))
        m.die_at(word)
        client = Client().send(do="prepare", domid=90, disks=1, vifs=0)
        m.expect_death()
        m.start_agent()
        assert client.answer() is None
        m.store.wait_for(f"{back(90)}/state", None)
        assert log() == runs, word
        nothing_left(m, 90)
        no_scripts()
        ok(ask(do="prepare", domid=90, disks=1, vifs=0))
        log()
        ended(m, 90)
        assert log() == ["remove", "remove-done"]
    m.create(91, disk("hang"))
    client = Client().send(do="prepare", domid=91, disks=1, vifs=0)
    # opens when the script is there
    with open(f"{WORK}/fifo", "w", encoding="ascii"):
        m.agent.kill()
        m.expect_death()
        m.start_agent()
        assert client.answer() is None
        # the runner asks again at once, and waits for its turn
        refused(ask(do="prepare", domid=91, disks=1, vifs=0), "not done in 2 seconds")
    assert log() == ["add", "remove", "remove-done", "add", "remove", "remove-done"]
    nothing_left(m, 91)
    ended(m, 91)
    no_scripts()


def domains_that_end_without_an_agent(m):
    image("orphan")
    ok(prepare(m, 92, disk("orphan")))
    m.agent.kill()
    m.expect_death()
    del m.domains[92]
    m.set_domains()
    os.unlink(f"{WORK}/devices/vbd-92-51712")
    m.start_agent()
    m.store.wait_for(f"{back(92)}/state", None)
    nothing_left(m, 92)
    assert log() == ["add", "add-done", "remove", "remove-done"]
    no_scripts()


def a_target_of_a_script_changes_hands(m):
    """The agent has not heard of the first domain's end, and the second asks already."""
    image("hands")
    ok(prepare(m, 93, disk("hands")))
    os.unlink(f"{WORK}/devices/vbd-93-51712")
    ok(prepare(m, 94, disk("hands")))
    assert log() == ["add", "add-done", "remove", "remove-done", "add", "add-done"]
    m.uevent("remove", "vbd-93-51712")
    m.store.wait_for(f"{back(93)}/state", None)
    ended(m, 93)
    ended(m, 94)
    assert log() == ["remove", "remove-done"]
    no_scripts()


CHECKS = [
    ("scripts that are missing, or others may write, are refused", strange_scripts_are_refused),
    ("a script makes a disk, and undoes it", a_script_makes_a_disk),
    ("a store that dies over a script's nodes is asked again", a_store_that_dies_over_a_scripts_nodes),
    ("what a script makes is claimed and looked at", what_a_script_makes_is_looked_at),
    ("a script that fails is told, and leaves nothing", a_script_that_fails),
    ("a script that hangs is killed, and holds up nobody", a_script_that_hangs),
    ("a script that does not undo keeps nobody", a_script_that_does_not_undo),
    ("killed around a script and in it", killed_with_scripts),
    ("a domain ends while there is no agent", domains_that_end_without_an_agent),
    ("a target of a script changes hands", a_target_of_a_script_changes_hands),
]
