# SPDX-License-Identifier: GPL-2.0-only
# zendo-stored, paths from the top of the tree; besides these it is libzendo.

# What touches no file, socket or ring but in memory: unit tests and the fuzzer run these.
STORED_LOGIC := \
	tools/stored/conn.c \
	tools/stored/domain.c \
	tools/stored/journal.c \
	tools/stored/look.c \
	tools/stored/node.c \
	tools/stored/path.c \
	tools/stored/removed.c \
	tools/stored/request.c \
	tools/stored/request_domain.c \
	tools/stored/request_runner.c \
	tools/stored/request_tree.c \
	tools/stored/ring.c \
	tools/stored/shadow.c \
	tools/stored/state.c \
	tools/stored/store.c \
	tools/stored/tree.c \
	tools/stored/tx.c \
	tools/stored/watch.c
STORED_SRCS := $(STORED_LOGIC) \
	tools/stored/client.c \
	tools/stored/guest.c \
	tools/stored/life.c \
	tools/stored/main.c \
	tools/stored/work.c
STORED_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/stored
STORED_PKGS := libsystemd libmnl xengnttab xenevtchn zlib
