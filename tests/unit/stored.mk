# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/stored.

include $(TOP)/tools/stored/sources.mk

stored_CFLAGS := -Itools/stored -Itests/unit
stored_SRCS := $(STORED_LOGIC) tests/unit/store_client.c

test_store_SRCS = $(stored_SRCS) tests/unit/store_world.c
test_store_CFLAGS = $(stored_CFLAGS)
test_store_LIBS = -lz

test_store_quota_SRCS = $(stored_SRCS) tests/unit/store_world.c
test_store_quota_CFLAGS = $(stored_CFLAGS)
test_store_quota_LIBS = -lz

test_store_model_SRCS = $(stored_SRCS)
test_store_model_CFLAGS = $(stored_CFLAGS)
test_store_model_LIBS = -lz

test_store_ring_SRCS = $(stored_SRCS)
test_store_ring_CFLAGS = $(stored_CFLAGS)
test_store_ring_LIBS = -lz

test_store_journal_SRCS = $(stored_SRCS)
test_store_journal_CFLAGS = $(stored_CFLAGS)
test_store_journal_LIBS = -lz

test_store_runner_SRCS = $(stored_SRCS)
test_store_runner_CFLAGS = $(stored_CFLAGS)
test_store_runner_LIBS = -lz

test_store_removed_SRCS = $(stored_SRCS) tests/unit/store_world.c
test_store_removed_CFLAGS = $(stored_CFLAGS)
test_store_removed_LIBS = -lz

test_store_look_SRCS = $(stored_SRCS) tests/unit/store_world.c
test_store_look_CFLAGS = $(stored_CFLAGS)
test_store_look_LIBS = -lz

test_store_work_SRCS = tools/stored/work.c
test_store_work_CFLAGS = -Itools/stored
test_store_work_LIBS = -lsystemd
