#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""badmemory.py - a machine check says that a frame of a domain has failed.

Two domains of 4 MiB. mce-inject reports two frames to the kernel, in software: one of the first domain with an error that was corrected,
then one of the second with one that was not. The second ends, and its vCPU hears why.
"""
import fcntl
import mmap
import os
import struct

INJECT = "/sys/kernel/debug/mce-inject/"
# valid, enabled, with an address; DRAM, extended code 8 of bank 4 (AMD BKDG: MC4_STATUS)
CORRECTED = 1 << 63 | 1 << 60 | 1 << 58 | 0x0008_0813
UNCORRECTED = CORRECTED | 1 << 61
SIZE_OF_INFO = 200                      # struct hvpriv_domain_info
PAUSED, CRASHED = 1 << 2, 1 << 4        # HVPRIV_ST_*


def request(direction, number, size):
    return direction << 30 | size << 16 | 0xb5 << 8 | number


def create(device, name):
    wanted = bytearray(struct.pack("=IIQII16s64s32x", 0, 1, 1024, 0, 0, bytes(16), name))
    domain = fcntl.ioctl(device, request(3, 0x06, len(wanted)), wanted)
    memory = bytearray(struct.pack("=QQII", 0, 1024, 0, 0))
    fcntl.ioctl(domain, request(3, 0x20, len(memory)), memory)
    return domain


def address(ram, frame):
    """Where the frame is; it is written first, so that it is mapped."""
    ram[frame << 12] = 1
    start = next(int(line.split("-")[0], 16) for line in open("/proc/self/maps", encoding="utf-8")
                 if "hvpriv-domain" in line)
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        entry, = struct.unpack("<Q", os.pread(file.fileno(), 8, ((start >> 12) + frame) * 8))
    assert entry >> 63, "the page is not there"
    return (entry & ((1 << 55) - 1)) << 12


def inject(status, where):
    for name, value in (("flags", "sw"), ("cpu", "0"), ("status", hex(status)), ("addr", hex(where)), ("bank", "4")):
        with open(INJECT + name, "w", encoding="ascii") as file:
            file.write(value + "\n")     # its last character is dropped


def state(domain):
    info = bytearray(256)
    fcntl.ioctl(domain, request(2, 0x29, SIZE_OF_INFO), info)
    return struct.unpack_from("=II", info)[1]


def end_of(domain):
    """Runs the vCPU of a domain that is paused until the domain ends. Gives the exit and its code."""
    vcpu = fcntl.ioctl(domain, request(1, 0x2a, 8), bytearray(8))
    answer = bytearray(2048)
    while True:
        try:
            fcntl.ioctl(vcpu, request(2, 0x40, len(answer)), answer)
            return struct.unpack_from("=II", answer)
        except InterruptedError:
            continue


def main():
    device = os.open("/dev/hvpriv", os.O_RDWR | os.O_CLOEXEC)
    first, second = create(device, b"corrected"), create(device, b"failed")
    with mmap.mmap(first, 4 << 20) as ram:
        inject(CORRECTED, address(ram, 3))
    with mmap.mmap(second, 4 << 20) as ram:
        inject(UNCORRECTED, address(ram, 700))
    print("the second ends with exit %d, code %d" % end_of(second))
    print("the first is", "paused" if state(first) == PAUSED else f"in state {state(first)}")
    print("the second is", "crashed" if state(second) == CRASHED else f"in state {state(second)}")


main()
