# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/hotplug.

hotplug_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/hotplug

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
