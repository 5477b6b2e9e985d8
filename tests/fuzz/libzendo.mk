# SPDX-License-Identifier: GPL-2.0-only

include $(TOP)/tools/libzendo/sources.mk

fuzz_config_SRCS := $(LIBZENDO_CONFIG_SRCS)
fuzz_config_CFLAGS := -Itools/libzendo -Iinclude/uapi
fuzz_config_LIBS := -ljson-c

fuzz_devices_SRCS := $(addprefix tools/libzendo/, config-disk.c config-option.c config-vif.c error.c vdev.c)
fuzz_devices_CFLAGS := -Itools/libzendo

fuzz_image_SRCS := $(addprefix tools/libzendo/, cache.c elf-kernel.c error.c file.c image.c unpack.c)
fuzz_image_CFLAGS := -Itools/libzendo -Iinclude/uapi
fuzz_image_LIBS := -lgcrypt -llz4 -llzma -lz -lzstd
