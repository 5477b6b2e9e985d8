# SPDX-License-Identifier: GPL-2.0-only

fuzz_frontend_SRCS := tools/hotplug/frontend.c tools/libzendo/error.c
fuzz_frontend_CFLAGS := -Iinclude/uapi -Itools/libzendo -Itools/hotplug
