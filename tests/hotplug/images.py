# SPDX-License-Identifier: GPL-2.0-only
"""What the agent promises of images: the real qemu-nbd serves them, systemd and the kernel's device are fake_units.c."""
import os
import select
import signal
import subprocess
import time

from world import PATIENCE, WORK, Client, ask, back, ended, image, nothing_left, ok, prepare, refused


def qemu_img(*args):
    subprocess.run(["qemu-img", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def new_image(name, kind, *options):
    qemu_img("create", "-q", "-f", kind, *options, f"{WORK}/{name}", "8M")
    return f"{WORK}/{name}"


def overlay(name, base, kind="qcow2"):
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", kind, f"{WORK}/{name}")
    return f"{WORK}/{name}"


def units():
    return sorted(name for name in os.listdir(f"{WORK}/units") if "." not in name)


def unit_process(name):
    with open(f"{WORK}/units/{name}", encoding="ascii") as file:
        return int(file.read().split()[0])


def kill_all():
    """What a check that failed has left."""
    for name in units():
        try:
            os.kill(unit_process(name), signal.SIGKILL)
        except ProcessLookupError:
            pass


def command_of(name):
    with open(f"/proc/{unit_process(name)}/cmdline", encoding="ascii") as file:
        return file.read().split("\0")


def no_units():
    """They end behind the device: first the process, then what the unit had; the agent's next answers are later than both."""
    for name in units():
        try:
            fd = os.pidfd_open(unit_process(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        assert select.select([fd], [], [], PATIENCE)[0], f"{name} stays"
        os.close(fd)
    deadline = time.monotonic() + PATIENCE
    while units() and time.monotonic() < deadline:
        ok(ask(do="list", domid=0))
    assert units() == [], units()
    served = [n for n in os.listdir(f"{WORK}/block") if os.path.exists(f"{WORK}/block/{n}/pid")]
    assert served == [], served


def ended_with_units(m, domid):
    ended(m, domid)
    no_units()


def images_need_the_module(m):
    path = new_image("first.qcow2", "qcow2")
    open(f"{WORK}/no-nbd", "w", encoding="ascii").close()
    refused(prepare(m, 60, f"{path},qcow2,xvda,w"), "config:4:7", "'disk': xvda", "no module nbd")
    os.unlink(f"{WORK}/no-nbd")
    nothing_left(m, 60)
    no_units()


def images_are_served(m):
    formats = [("qcow2", "qcow2"), ("vhd", "vpc"), ("vhdx", "vhdx"), ("vmdk", "vmdk"), ("qcow", "qcow"), ("qed", "qed")]
    for word, kind in formats:
        path = new_image(f"served.{word}", kind)
        ok(prepare(m, 61, f"{path},{word},xvda,w"))
        assert units() == ["vbd-61-51712"], units()
        command = command_of("vbd-61-51712")
        assert f"--format={kind}" in command and "--discard=unmap" in command and "--read-only" not in command, command
        assert m.store.read(f"{back(61)}/params") == path
        try:
            qemu_img("info", path)      # no force-share: is it locked? Only qcow2 and later take locks before they are asked
            locked = False
        except subprocess.CalledProcessError:
            locked = True
        assert locked, f"{word} is open for writing, and not locked"
        refused(ask(do="resize", **{"class": "vbd"}, domid=61, devid=51712), "keeps its size")
        ended_with_units(m, 61)
        qemu_img("info", path)
    qemu_img("check", f"{WORK}/served.qcow2")


def flat_parts_are_claimed(m):
    path = new_image("flat.vmdk", "vmdk", "-o", "subformat=monolithicFlat")
    ok(prepare(m, 61, f"{path},vmdk,xvda,w"))
    refused(prepare(m, 62, f"{WORK}/flat-flat.vmdk,raw,xvda,w"), "in use by domain 61")
    ended_with_units(m, 61)
    ended(m, 62)


def readers_share_an_image(m):
    path = new_image("shared.qcow2", "qcow2")
    ok(prepare(m, 61, f"{path},qcow2,xvda,r"))
    assert "--read-only" in command_of("vbd-61-51712")
    ok(prepare(m, 62, f"{path},qcow2,xvda,r"))
    refused(prepare(m, 63, f"{path},qcow2,xvda,w"), "in use by domain", "reading")
    for domid in 61, 62, 63:
        ended(m, domid)
    no_units()


def wrong_formats_are_refused(m):
    image("zeroes", 8 << 20)
    qcow2 = new_image("w.qcow2", "qcow2")
    cases = [
        (f"{qcow2},raw,xvda,w", "looks like a qcow2 image, not like a raw one: write format=qcow2"),
        (f"file:{qcow2},xvda,r", "write format=qcow2"),
        (f"{new_image('w.vhd', 'vpc')},raw,xvda,w", "write format=vhd"),
        (f"{new_image('f.vhd', 'vpc', '-o', 'subformat=fixed')},raw,xvda,w", "looks like a vhd image"),
        (f"{new_image('w.vhdx', 'vhdx')},raw,xvda,w", "write format=vhdx"),
        (f"{new_image('w.vmdk', 'vmdk')},raw,xvda,w", "write format=vmdk"),
        (f"{new_image('d.vmdk', 'vmdk', '-o', 'subformat=monolithicFlat')},raw,xvda,w", "looks like a vmdk image"),
        (f"{new_image('w.vdi', 'vdi')},raw,xvda,w", "looks like a vdi image: convert it"),
        (f"{WORK}/zeroes,qcow2,xvda,w", "does not look like a qcow2 image, but like raw: write format=raw"),
        (f"{qcow2},vmdk,xvda,w", "does not look like a vmdk image, but like a qcow2: write format=qcow2"),
        (f"{WORK}/none.qcow2,qcow2,xvda,w", "No such file"),
    ]
    for disk, words in cases:
        refused(prepare(m, 64, disk), words)
        nothing_left(m, 64)
    base = new_image("gone.qcow2", "qcow2")
    over = overlay("over.qcow2", base)
    os.unlink(base)
    refused(prepare(m, 64, f"{over},qcow2,xvda,w"), "gone.qcow2", "No such file")
    image("cut.qcow2", 8 << 20, b"QFI\xfb\0\0\0\3")
    refused(prepare(m, 64, f"{WORK}/cut.qcow2,qcow2,xvda,w"), "'disk': xvda", "cut.qcow2")
    no_units()


def chains_are_claimed(m):
    base = new_image("base.qcow2", "qcow2")
    one, two = overlay("one.qcow2", "base.qcow2"), overlay("two.qcow2", base)
    deep = overlay("deep.qcow2", "two.qcow2")
    os.link(base, f"{WORK}/base.link")
    ok(prepare(m, 65, f"{one},qcow2,xvda,w"))
    ok(prepare(m, 66, f"{deep},qcow2,xvda,w"))
    refused(prepare(m, 67, f"{base},qcow2,xvda,w"), "in use by domain", "reading")
    refused(prepare(m, 67, f"{WORK}/base.link,qcow2,xvda,w"), "in use by domain", "reading")
    refused(prepare(m, 67, f"{two},qcow2,xvda,w"), "two.qcow2: it is in use by domain 66 (vbd-66-51712, reading)")
    ok(prepare(m, 68, f"{base},qcow2,xvda,r"))
    m.agent.kill()
    m.expect_death()
    m.start_agent()
    refused(prepare(m, 67, f"{WORK}/base.link,qcow2,xvda,w"), "in use by domain")
    refused(prepare(m, 67, f"{one},qcow2,xvda,r"), "in use by domain 65", "writing")
    for domid in 65, 66, 67, 68:
        ended(m, domid)
    no_units()
    ok(prepare(m, 67, f"{base},qcow2,xvda,w"))
    refused(prepare(m, 65, f"{one},qcow2,xvda,r"), "base.qcow2: it is in use by domain 67 (vbd-67-51712, writing)")
    ended(m, 65)
    ended_with_units(m, 67)


def others_locks_are_told(m):
    path = new_image("foreign.qcow2", "qcow2")
    other = subprocess.Popen(["qemu-nbd", "--fork", "--persistent", "--format=qcow2", f"--socket={WORK}/foreign",
                              f"--pid-file={WORK}/foreign.pid", path])
    assert other.wait(PATIENCE) == 0
    refused(prepare(m, 69, f"{path},qcow2,xvda,w"), "another program has it open")
    ok(prepare(m, 69, f"nbd+unix:///?socket={WORK}/foreign,raw,xvda,w"))
    assert m.store.read(f"{back(69)}/params") == f"nbd+unix:///?socket={WORK}/foreign"
    refused(prepare(m, 70, f"nbd+unix:///?socket={WORK}/foreign,raw,xvda,r"), "in use by domain 69")
    ended_with_units(m, 69)
    ended(m, 70)
    with open(f"{WORK}/foreign.pid", encoding="ascii") as file:
        pid = int(file.read())
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    assert select.select([fd], [], [], PATIENCE)[0]
    os.close(fd)
    refused(prepare(m, 69, f"nbd+unix:///?socket={WORK}/foreign,raw,xvda,w"), "Failed to connect")
    ended(m, 69)


def all_devices_in_use(m):
    disks = [f"{new_image(f'n{i}.qcow2', 'qcow2')},qcow2,xvd{'abcd'[i]},w" for i in range(4)]
    refused(prepare(m, 71, *disks), "xvdd", "all of the kernel's nbd devices are in use")
    nothing_left(m, 71)
    assert units() == [], units()       # of a start that failed all is gone before its answer
    ok(prepare(m, 71, *disks[:3]))
    ok(ask(do="detach", **{"class": "vbd"}, domid=71, devid=51728, force=True))
    assert units() == ["vbd-71-51712", "vbd-71-51744"], units()     # so is what was detached
    qemu_img("check", f"{WORK}/n1.qcow2")
    ok(ask(do="attach", domid=71, disk=disks[3]))
    ended_with_units(m, 71)


def killed_with_images(m):
    path = new_image("k.qcow2", "qcow2")
    for word in ("before-unit", "unit", "before-add", "add"):
        m.create(72, f"{path},qcow2,xvda,w")
        m.die_at(word)
        client = Client().send(do="prepare", domid=72, disks=1, vifs=0)
        m.expect_death()
        m.start_agent()
        assert client.answer() is None
        nothing_left(m, 72)
        no_units()
        ok(ask(do="prepare", domid=72, disks=1, vifs=0))
        ended_with_units(m, 72)
    ok(prepare(m, 72, f"{path},qcow2,xvda,w"))
    m.die_at("before-unit-stop")
    client = Client().send(do="detach", **{"class": "vbd"}, domid=72, devid=51712, force=True)
    m.expect_death()
    m.start_agent()
    assert client.answer() is None
    no_units()
    nothing_left(m, 72)
    ended(m, 72)


def an_image_changes_hands(m):
    """The agent has not heard of the first domain's end, and the second asks already."""
    path = new_image("hands.qcow2", "qcow2")
    ok(prepare(m, 73, f"{path},qcow2,xvda,w"))
    os.unlink(f"{WORK}/devices/vbd-73-51712")
    ok(prepare(m, 74, f"{path},qcow2,xvda,w"))
    assert units() == ["vbd-74-51712"], units()
    m.uevent("remove", "vbd-73-51712")
    m.store.wait_for(f"{back(73)}/state", None)
    ended(m, 73)
    ended_with_units(m, 74)


def a_server_that_dies_is_cleared_away(m):
    path = new_image("dies.qcow2", "qcow2")
    ok(prepare(m, 75, f"{path},qcow2,xvda,w"))
    os.kill(unit_process("vbd-75-51712"), signal.SIGKILL)
    ended_with_units(m, 75)
    ok(prepare(m, 75, f"{path},qcow2,xvda,w"))
    ended_with_units(m, 75)


def an_image_that_is_another_by_now(m):
    """After it was looked at, and after it was claimed; the claim is not of what is there then."""
    path, other = new_image("between", "qcow2"), f"{WORK}/other.qcow2"
    m.create(77, f"{path},qcow2,xvda,w")
    os.mkfifo(f"{WORK}/gate")
    client = Client().send(do="prepare", domid=77, disks=1, vifs=0)
    # opens when the agent is there
    with open(f"{WORK}/gate", "w", encoding="ascii") as gate:
        os.rename(new_image("other.qcow2", "qcow2"), path)
        gate.write("x")
    refused(client.answer(), "between: another file is there now than was looked at")
    nothing_left(m, 77)
    os.unlink(f"{WORK}/gate")
    path = new_image("changed.qcow2", "qcow2")
    m.create(77, f"{path},qcow2,xvda,w")
    new_image("other.qcow2", "qcow2")
    with open(f"{WORK}/swap", "w", encoding="ascii") as file:
        file.write(f"{other} {path}")
    refused(ask(do="prepare", domid=77, disks=1, vifs=0), "changed.qcow2: another file is there now than was looked at")
    nothing_left(m, 77)
    no_units()
    ok(ask(do="prepare", domid=77, disks=1, vifs=0))
    ended_with_units(m, 77)


def a_server_that_dies_on_the_way(m):
    """Gone as soon as it is known, or attached to a disk that has errors only: its guest's to see, and detached as any other."""
    path = new_image("way.qcow2", "qcow2")
    for word in "before-size", "unit":
        m.create(76, f"{path},qcow2,xvda,w")
        m.die_at(word, "server")
        refused(ask(do="prepare", domid=76, disks=1, vifs=0), "config:4:7: 'disk': xvda", "qemu-nbd has ended before its device was opened",
                "journalctl -u zendo-disk-vbd-76-51712.service")
        nothing_left(m, 76)
        no_units()
    for word in "before-add", "add":
        m.die_at(word, "server")
        ok(ask(do="prepare", domid=76, disks=1, vifs=0))
        ok(ask(do="detach", **{"class": "vbd"}, domid=76, devid=51712))
        nothing_left(m, 76)
        no_units()
    ok(ask(do="prepare", domid=76, disks=1, vifs=0))
    ended_with_units(m, 76)


CHECKS = [
    ("images need the module nbd", images_need_the_module),
    ("images of each format are served, locked, and let go", images_are_served),
    ("files beside an image are claimed", flat_parts_are_claimed),
    ("readers share an image", readers_share_an_image),
    ("wrong formats are refused with what to write", wrong_formats_are_refused),
    ("images below an image are claimed", chains_are_claimed),
    ("locks of other programs, and disks of the network", others_locks_are_told),
    ("no nbd device is left", all_devices_in_use),
    ("killed while it makes and ends exports", killed_with_images),
    ("an image changes hands", an_image_changes_hands),
    ("a server that dies is cleared away", a_server_that_dies_is_cleared_away),
    ("an image that is another one when it is served", an_image_that_is_another_by_now),
    ("a server that dies while it is attached", a_server_that_dies_on_the_way),
]
