# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/hotplug.

hotplug_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/hotplug

test_chain_SRCS = \
	tools/hotplug/chain.c \
	tools/hotplug/magic.c \
	tools/hotplug/run.c \
	tools/libzendo/config-disk.c \
	tools/libzendo/config-option.c \
	tools/libzendo/error.c \
	tools/libzendo/vdev.c
test_chain_CFLAGS = $(hotplug_CFLAGS)
test_chain_LIBS = -ljson-c

test_frontend_SRCS = tools/hotplug/frontend.c tools/libzendo/error.c
test_frontend_CFLAGS = $(hotplug_CFLAGS)

test_guard_SRCS = \
	tools/hotplug/claim.c \
	tools/hotplug/guard.c \
	tools/hotplug/log.c \
	tools/libzendo/backend.c \
	tools/libzendo/error.c
test_guard_CFLAGS = $(hotplug_CFLAGS) -pthread

test_handshake_SRCS = tools/hotplug/handshake.c
test_handshake_CFLAGS = $(hotplug_CFLAGS)

test_nodes_SRCS = tools/hotplug/nodes.c
test_nodes_CFLAGS = $(hotplug_CFLAGS)

test_ovs_SRCS = tools/hotplug/ovs.c
test_ovs_CFLAGS = $(hotplug_CFLAGS)

test_wanted_SRCS = $(LIBZENDO_CONFIG_SRCS) tools/hotplug/attach.c tools/hotplug/wanted.c tools/libzendo/backend.c
test_wanted_CFLAGS = $(hotplug_CFLAGS)
test_wanted_LIBS = -ljson-c
