# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzzer of linux/drivers/netback: a guest's ring and its packets.

fuzz_netback_SRCS = linux/drivers/netback/guard.c linux/drivers/netback/tx_chain.c
fuzz_netback_CFLAGS = -Ilinux/drivers/netback
