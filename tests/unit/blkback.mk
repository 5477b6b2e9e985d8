# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of linux/drivers/blkback.

test_blkback_wire_SRCS = linux/drivers/blkback/wire.c
test_blkback_wire_CFLAGS = -Ilinux/drivers/blkback
