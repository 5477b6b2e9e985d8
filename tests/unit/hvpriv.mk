# SPDX-License-Identifier: GPL-2.0-only
# Parts of hvpriv.ko that know nothing of a kernel but what their test brings.
test_grant_race_SANITIZE = -fsanitize=thread
test_grant_race_LIBS = -pthread

test_gfn_race_CFLAGS = -Iinclude
test_gfn_race_SANITIZE = -fsanitize=thread
test_gfn_race_LIBS = -pthread

test_workers_SRCS = linux/drivers/hvpriv/workers.c
test_workers_CFLAGS = -Itests/unit/kernel -Iinclude -Wno-missing-prototypes
test_workers_SANITIZE = -fsanitize=thread
test_workers_LIBS = -pthread

test_dirty_map_SANITIZE = -fsanitize=thread
test_dirty_map_LIBS = -pthread
