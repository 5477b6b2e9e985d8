# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of linux/drivers/netback: what knows nothing of the kernel.

netback_CFLAGS := -Ilinux/drivers/netback

test_netback_tx_chain_SRCS = linux/drivers/netback/tx_chain.c
test_netback_tx_chain_CFLAGS = $(netback_CFLAGS)

test_netback_guard_SRCS = linux/drivers/netback/guard.c
test_netback_guard_CFLAGS = $(netback_CFLAGS)

test_netback_bucket_CFLAGS = $(netback_CFLAGS)
