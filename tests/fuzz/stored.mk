# SPDX-License-Identifier: GPL-2.0-only

fuzz_store_SRCS := $(addprefix tools/stored/, conn.c domain.c journal.c look.c node.c path.c removed.c request.c request_domain.c \
	request_runner.c request_tree.c ring.c state.c store.c tx.c watch.c) tests/unit/store_client.c
fuzz_store_CFLAGS := -Itools/stored -Itests/unit -DNODES_PER_STEP=2
fuzz_store_LIBS := -lz
