# SPDX-License-Identifier: GPL-2.0-only
"""A machine that starts by UEFI with Secure Boot.

Firmware, shim, GRUB and kernel are those that Debian and its keys' owners have
signed (tests/vm/secure-boot); what follows is as without. MokManager, with which
shim asks for new keys of the machine's owner, is answered as a person would."""
import os
import re
import shutil
import subprocess
import threading
import time

# What MokManager shows, and which keys say: enrol the key, and go on.
MENUS = (
    ("Press any key to perform MOK management", ("ret",)),
    ("Enroll MOK", ("down", "ret")),
    ("View key 0", ("down", "ret")),
    (r"Enroll the key\(s\)\?", ("down", "ret")),
    ("[Pp]assword", None),
    ("Reboot", ("ret",)),
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def system_partition(parts, image, append, scratch):
    """A file with the file system that the firmware starts from."""
    esp = os.path.join(scratch, "esp.img")
    menu = os.path.join(scratch, "grub.cfg")
    with open(os.path.join(image, "release"), encoding="ascii") as file:
        kernel = os.path.join(image, "tree/boot/vmlinuz-" + file.read().strip())
    with open(menu, "w", encoding="ascii") as file:
        file.write("serial --unit=0\nterminal_output serial\n"
                   f"linux /vmlinuz {append}\ninitrd /initrd\nboot\n")
    with open(esp, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mformat", "-i", esp, "-F", "::"], check=True)
    subprocess.run(["mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"], check=True)
    for source, target in ((os.path.join(parts, "shim.efi"), "EFI/BOOT/BOOTX64.EFI"),
                           (os.path.join(parts, "mm.efi"), "EFI/BOOT/mmx64.efi"),
                           (os.path.join(parts, "grub.efi"), "EFI/BOOT/grubx64.efi"),
                           (kernel, "vmlinuz"), (menu, "EFI/debian/grub.cfg"),
                           (os.path.join(image, "initrd.gz"), "initrd")):
        subprocess.run(["mcopy", "-i", esp, source, "::/" + target], check=True)
    return esp


def boot_args(parts, image, append, scratch):
    """In place of QEMU's own way to start a kernel."""
    variables = os.path.join(scratch, "vars.fd")
    shutil.copy(os.path.join(parts, "vars.fd"), variables)
    esp = system_partition(parts, image, append, scratch)
    # The firmware guards its variables by system management mode.
    return ["-machine", "smm=on",
            "-global", "driver=cfi.pflash01,property=secure,value=on",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={os.path.join(parts, 'code.fd')}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
            "-drive", f"if=none,id=esp,file={esp},format=raw",
            "-device", "virtio-blk-pci,drive=esp,serial=zt-esp,bootindex=0"]


class Owner(threading.Thread):
    """Who sits before the machine and says yes to MokManager."""

    def __init__(self, console, monitor, password):
        super().__init__(daemon=True)
        self.console = console
        self.monitor = monitor
        self.password = password

    def run(self):
        with open(self.console, "rb") as file:
            for text, keys in MENUS:
                self.wait_for(file, text)
                for key in keys or tuple(self.password) + ("ret",):
                    # QEMU keeps those behind it waiting while one is down.
                    self.monitor.sendall(f"sendkey {key}\n".encode())

    def wait_for(self, file, text):
        """The firmware draws menus piece by piece, with escapes in between.

        A file tells nobody that it has grown."""
        seen = ""
        while not re.search(text, ESCAPES.sub("", seen)):
            data = file.read()
            if not data:
                time.sleep(0.1)
            seen += data.decode(errors="replace")
