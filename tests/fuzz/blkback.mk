# SPDX-License-Identifier: GPL-2.0-only

fuzz_blkback_SRCS := linux/drivers/blkback/wire.c
fuzz_blkback_CFLAGS := -Ilinux/drivers/blkback
