#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""blocks.py - memory that a guest gave up, piece by piece, is given to it again, as a whole.

The guest gives up many blocks of 2 MiB, page by page, and some pages more, so that dom0 has heard of all of these. Of some the allocator makes
blocks again. Then the guest gets as many as there are, these among them.
"""
import fcntl
import mmap
import os
import struct

CODE = bytes.fromhex(
    "b8 0c000000"               # mov   $__HYPERVISOR_memory_op, %eax
    "bb 01000000"               # mov   $XENMEM_decrease_reservation, %ebx
    "b9 00200000"               # mov   $0x2000, %ecx
    "0f01d9"                    # vmmcall
    "a3 00400000"               # mov   %eax, 0x4000
    "b8 1d000000"               # mov   $__HYPERVISOR_sched_op, %eax
    "bb 02000000"               # mov   $SCHEDOP_shutdown, %ebx
    "b9 10400000"               # mov   $0x4010, %ecx: SHUTDOWN_poweroff is 0, as memory is
    "0f01d9"                    # vmmcall
    "f4")                       # hlt, which it does not come to
DOMID_SELF = 0x7ff0
BLOCK, BLOCKS = 512, 64
GIVEN_UP = BLOCKS * BLOCK + 300
LIST = 0x10000
VCPU_STATE = "=18Q" + 8 * "HHIQ" + "4Q7Q5Q3Q4QII"
EXIT_SHUTDOWN = 1


def request(fd, direction, number, argument):
    number |= direction << 30 | len(argument) << 16 | 0xb5 << 8
    return fcntl.ioctl(fd, number, argument) if argument else fcntl.ioctl(fd, number)


def add_memory(domain, gfn, pages):
    request(domain, 3, 0x20, bytearray(struct.pack("=QQII", gfn, pages, 0, 0)))


def first_state():
    """32-bit code at 0x1000 without paging, as docs/ioctls.md explains it."""
    def flat(attr):
        return (0, attr, 0xffffffff, 0)
    data, code = flat(0xc93), flat(0xc9b)
    segments = (data, code, data, data, data, data, (0, 0, 0, 0), (0, 0x8b, 0x67, 0))
    return bytearray(struct.pack(
        VCPU_STATE, *16 * [0], 0x1000, 2, *(field for s in segments for field in s), *4 * [0],
        0x11, 0, 0, 0, 0, 0xffff0ff0, 0x400, *8 * [0], 0x0007040600070406, 0, 1, 0, 1, 0))


def run(cpu):
    """Until it ends."""
    answer = bytearray(2048)
    while True:
        try:
            request(cpu, 2, 0x40, answer)
        except InterruptedError:
            continue
        return struct.unpack_from("=II", answer)


def available():
    """Pages, whole blocks of them, and some are left to others."""
    with open("/proc/meminfo", encoding="ascii") as file:
        kib = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:"))
    return (kib // 4 - 60000) & -BLOCK


def main():
    device = os.open("/dev/hvpriv", os.O_RDWR)
    wanted = bytearray(struct.pack("=IIQII16s64s32x", 0, 1, 1 << 20, 0, 0, bytes(16), b"blocks"))
    domain = request(device, 3, 0x06, wanted)
    add_memory(domain, 0, 256)
    add_memory(domain, BLOCK, (BLOCKS + 1) * BLOCK)
    with mmap.mmap(domain, 1 << 20) as ram:
        ram[0x1000:0x1000 + len(CODE)] = CODE
        ram[0x2000:0x2012] = struct.pack("=IIIIH", LIST, GIVEN_UP, 0, 0, DOMID_SELF)
        ram[LIST:LIST + 4 * GIVEN_UP] = struct.pack(f"={GIVEN_UP}I", *range(BLOCK, BLOCK + GIVEN_UP))
        cpu = request(domain, 1, 0x2a, bytearray(8))
        request(cpu, 1, 0x42, first_state())
        request(domain, 0, 0x27, b"")
        end = run(cpu)
        assert end == (EXIT_SHUTDOWN, 0), end
        done, = struct.unpack("=I", ram[0x4000:0x4004])
        assert done == GIVEN_UP, f"{done} pages were given up"
    # single pages wait for others of their block in lists of their CPU
    with open("/proc/sys/vm/compact_memory", "w", encoding="ascii") as file:
        file.write("1")
    add_memory(domain, 1 << 16, available())


main()
