# SPDX-License-Identifier: GPL-2.0-only
"""The dom0 machine as QEMU sees it: its devices, its start and its end."""
import fcntl
import os
import re
import socket
import subprocess

import firmware

# What the job speaks through, in the order of the ports.
PORTS = ("out", "ctl", "fetch")

# quiet and no getty: start time. panic=-1: a crash ends the machine at once.
# norandmaps: docs/dom0-machine.md, "Code that was translated".
KERNEL_ARGS = ("console=ttyS0 quiet zt mitigations=off panic=-1 norandmaps "
               "systemd.getty_auto=0 systemd.show_status=0")


def one_thread(options):
    """Under TCG: one thread for all CPUs, see docs/dom0-machine.md."""
    return not options.parallel and (not options.bare or options.single)


def host_cpu(cache):
    """A CPU of this host, for this process until it ends.

    Machines that are there at the same time have different ones, as long as
    there are enough."""
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        lock = os.open(os.path.join(cache, f"host-cpu-{cpu}"),
                       os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cpu
        except BlockingIOError:
            os.close(lock)
    return cpus[os.getpid() % len(cpus)]


def cpu_args(accel, options):
    if options.icount:
        # Time counts instructions; more than one CPU stalls in QEMU 7.2.
        args = ["-icount", "shift=2,sleep=off", "-accel", "tcg,thread=single",
                "-cpu", options.cpu or "max"]
    elif accel == "kvm":
        args = ["-accel", "kvm", "-cpu", options.cpu or "host"]
    else:
        # One thread for all CPUs: with a thread each, QEMU loses bits of the
        # first CPU's SVM state; docs/dom0-machine.md says how. A bare machine
        # has no such state. tb-size: "Code that was translated", there.
        thread = "single" if one_thread(options) else "multi"
        args = ["-accel", f"tcg,thread={thread},tb-size=256", "-cpu", options.cpu or "max"]
    return args + ["-smp", str(options.cpus), "-m", str(options.mem)]


def disk_args(name, path, extra):
    return ["-drive", f"if=none,id={name},file={path},format=raw,{extra}",
            "-device", f"virtio-blk-pci,drive={name},serial=zt-{name}"]


def port_args(name, descriptor, device):
    return ["-chardev", f"socket,id={name},fd={descriptor}",
            "-device", f"{device},chardev={name},name=zt.{name}"]


class Machine:
    """A running QEMU and the sockets to its ports."""

    def __init__(self, options, image, accel, disks, scratch):
        self.serial = [os.path.join(scratch, "com1"),
                       os.path.join(scratch, "com2")]
        if options.serial:
            self.serial = [os.path.abspath(options.serial),
                           os.path.abspath(options.serial) + ".hv"]
        self.errors = os.path.join(scratch, "qemu.err")
        pinned = []
        if accel == "tcg" and one_thread(options) and not options.icount:
            # QEMU's two threads lose interrupts on two CPUs: "One CPU of the
            # host" in docs/dom0-machine.md.
            cache = os.path.dirname(os.path.dirname(image))
            pinned = ["taskset", "-c", str(host_cpu(cache))]
        self.ports = {}
        theirs = []
        args = self.fixed_args(options, image, accel, disks, scratch)
        for name in PORTS + (("tty",) if not options.command else ()):
            self.ports[name], far = socket.socketpair()
            theirs.append(far)
            device = "virtconsole" if name == "tty" else "virtserialport"
            args += port_args(name, far.fileno(), device)
        self.ports["mon"], far = socket.socketpair()
        theirs.append(far)
        args += ["-chardev", f"socket,id=mon,fd={far.fileno()}",
                 "-mon", "chardev=mon,mode=readline"]
        with open(self.errors, "wb") as errors:
            # A session of its own: the terminal's ^C is for this script, which
            # then ends QEMU. setpriv: QEMU never outlives this script.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL"] + pinned + args,
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                start_new_session=True,
                env=dict(os.environ, TMPDIR=scratch),
                pass_fds=[far.fileno() for far in theirs])
        for far in theirs:
            far.close()
        if options.enrol:
            with open(self.serial[0], "ab"):
                pass  # QEMU may not have made it yet
            firmware.Owner(self.serial[0], self.ports["mon"], options.enrol).start()

    def fixed_args(self, options, image, accel, disks, scratch):
        append = " ".join([KERNEL_ARGS]
                          + (["hvpriv.icount=1"] if options.icount else [])
                          + options.append)
        args = ["qemu-system-x86_64"] + cpu_args(accel, options) + [
            "-M", "q35,sata=off,smbus=off,usb=off,vmport=off",
            "-nodefaults", "-no-user-config", "-display", "none"]
        if options.secure_boot:
            args += firmware.boot_args(options.secure_boot, image, append, scratch)
        else:
            args += ["-kernel", options.kernel or os.path.join(image, "vmlinux"),
                     "-initrd", os.path.join(image, "initrd.gz"), "-append", append]
        if not options.reboot_ok:
            args += ["-no-reboot"]
        # Written blocks go to a file in the scratch folder: the image stays
        # clean and can be used by many machines; a reboot keeps them.
        args += disk_args("root", os.path.join(image, "root.img"),
                          "snapshot=on,cache=unsafe")
        for name, path in disks:
            args += disk_args(name, path, "readonly=on")
        # COM1 is the kernel's, COM2 the hypervisor's debug port.
        for index, path in enumerate(self.serial):
            args += ["-chardev", f"file,id=com{index + 1},path={path}",
                     "-device", f"isa-serial,chardev=com{index + 1},index={index}"]
        return args + ["-device", "virtio-rng-pci",
                       "-device", "isa-debug-exit,iobase=0x501,iosize=1",
                       "-device", "virtio-serial-pci"] + options.qemu

    def registers(self):
        """Where the CPUs of a machine that hangs are, as QEMU's monitor says."""
        monitor = self.ports["mon"]
        monitor.settimeout(5)
        answer = b""
        try:
            monitor.sendall(b"info registers -a\n")
            while not answer.rstrip().endswith(b"(qemu)") or b"CPU#" not in answer:
                data = monitor.recv(65536)
                if not data:
                    break
                answer += data
        except OSError:
            pass  # it hangs too, or has ended
        # The integer and system registers; the vector ones say nothing here.
        return "".join(line + "\n" for line in answer.decode(errors="replace").split("\r\n")
                       if re.match(r"CPU#|[RE](AX|SI|8 |12|IP)|[CDEFGST][SRT] ?=|[GI]DT|[CE]R0|EFER", line))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def last_words(self):
        """The ends of the logs, for a machine that died or hangs."""
        text = ""
        if self.process.poll() is None:
            text += "--- registers\n" + self.registers()
            self.stop()
        for title, path in (("serial console (COM1)", self.serial[0]),
                            ("hypervisor (COM2)", self.serial[1]),
                            ("QEMU", self.errors)):
            with open(path, "rb") as file:
                lines = file.read().decode(errors="replace").splitlines()
            text += f"--- last lines of {title}\n"
            text += "".join(line + "\n" for line in lines[-40:])
        return text
