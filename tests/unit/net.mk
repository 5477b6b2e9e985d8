# SPDX-License-Identifier: GPL-2.0-only
#
# Networks of guests: definitions, and what is made of them for nftables and dnsmasq.

test_network_SRCS = $(addprefix tools/libzendo/, config-option.c config-vif.c error.c network.c) tools/net/files.c
test_network_CFLAGS = -Itools/libzendo -Itools/net
