# SPDX-License-Identifier: GPL-2.0-only
"""What goes into the dom0 machine and comes out of it, as tar files."""
import io
import os
import shutil
import subprocess
import sys
import tarfile

STATE = "var/lib/zt"

# A tar that is a disk begins with this much of nothing: the kernel and udev
# took its first bytes for partitions and warned.
BLANK = 1 << 20


def inside(tree, path):
    """The name, relative to the root, that PATH has once links are followed.

    The tar is unpacked without following links, so /lib/x must be stored as
    usr/lib/x, or the link /lib would be replaced by a folder.
    """
    done = ""
    todo = [part for part in path.split("/") if part not in ("", ".")]
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = os.path.dirname(done)
            continue
        name = os.path.join(done, part)
        on_host = os.path.join(tree, name)
        if todo and os.path.islink(on_host) and links < 40:
            links += 1
            target = os.readlink(on_host)
            if target.startswith("/"):
                done = ""
            todo = [p for p in target.split("/") if p not in ("", ".")] + todo
        else:
            done = name
    return done


def as_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


class Job:
    """Collects the files of one run and writes them as a tar."""

    def __init__(self, path, tree):
        self.file = open(path, "wb")
        self.file.seek(BLANK)
        self.tar = tarfile.open(fileobj=self.file, mode="w",
                                format=tarfile.GNU_FORMAT)
        self.tree = tree

    def write(self, name, text, mode=0o644):
        data = text.encode()
        member = tarfile.TarInfo(f"{STATE}/{name}")
        member.size = len(data)
        member.mode = mode
        self.tar.addfile(member, io.BytesIO(data))

    def copy(self, source, target):
        """Add host file or folder SOURCE as TARGET; "TARGET/" means into it."""
        if not os.path.lexists(source):
            sys.exit(f"dom0: --copy: no file or folder '{source}' here")
        if target.endswith("/"):
            target += os.path.basename(os.path.abspath(source))
        self.tar.add(source, inside(self.tree, target), filter=as_root)

    def close(self):
        self.tar.close()
        self.file.close()


def bring_out(archive, pairs, scratch):
    """Put what the machine sent in ARCHIVE where the caller wants it.

    Gives the names that were not there.
    """
    unpacked = os.path.join(scratch, "fetched")
    os.mkdir(unpacked)
    if os.path.getsize(archive):
        subprocess.run(["tar", "-xf", archive, "-C", unpacked,
                        "--no-same-owner"], check=False)
    missing = []
    for source, target in pairs:
        found = os.path.join(unpacked, os.path.normpath(source).lstrip("/"))
        if not os.path.lexists(found):
            missing.append(source)
            continue
        is_folder = os.path.isdir(found) and not os.path.islink(found)
        if target.endswith("/") or (os.path.isdir(target) and not is_folder):
            target = os.path.join(target, os.path.basename(found))
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        if is_folder:
            shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(found, target, follow_symlinks=False)
    return missing
