# SPDX-License-Identifier: GPL-2.0-only

fuzz_frontend_SRCS := tools/hotplug/frontend.c tools/libzendo/error.c
fuzz_frontend_CFLAGS := -Iinclude/uapi -Itools/libzendo -Itools/hotplug

fuzz_chain_SRCS := \
	$(addprefix tools/hotplug/, chain.c claim.c log.c magic.c run.c) \
	$(addprefix tools/libzendo/, backend.c config-disk.c config-option.c error.c vdev.c)
fuzz_chain_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/hotplug
fuzz_chain_LIBS := -ljson-c -pthread
