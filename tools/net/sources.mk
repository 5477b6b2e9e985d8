# SPDX-License-Identifier: GPL-2.0-only
# zendo-net, paths from the top of the tree; besides these it is libzendo.

NET_SRCS := \
	tools/net/files.c \
	tools/net/forward.c \
	tools/net/link.c \
	tools/net/main.c \
	tools/net/routes.c
NET_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/net
NET_PKGS := libsystemd libnl-route-3.0
