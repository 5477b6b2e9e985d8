# SPDX-License-Identifier: GPL-2.0-only

include $(TOP)/tools/stored/sources.mk

fuzz_store_SRCS := $(STORED_LOGIC) tests/unit/store_client.c
fuzz_store_CFLAGS := -Itools/stored -Itests/unit -DNODES_PER_STEP=2
fuzz_store_LIBS := -lz
