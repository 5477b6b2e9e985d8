# SPDX-License-Identifier: GPL-2.0-only

fuzz_config_SRCS := $(addprefix tools/libzendo/, \
	config-convert.c config-cpuid.c config-cpus.c config-devices.c config-disk.c config-expr.c config-json.c config-keys.c \
	config-option.c config-syntax.c config-vif.c config-write.c \
	config.c cpus.c error.c file.c vdev.c)
fuzz_config_CFLAGS := -Itools/libzendo -Iinclude/uapi
fuzz_config_LIBS := -ljson-c

fuzz_devices_SRCS := $(addprefix tools/libzendo/, config-disk.c config-option.c config-vif.c error.c vdev.c)
fuzz_devices_CFLAGS := -Itools/libzendo

fuzz_image_SRCS := $(addprefix tools/libzendo/, cache.c elf-kernel.c error.c file.c image.c unpack.c)
fuzz_image_CFLAGS := -Itools/libzendo -Iinclude/uapi
fuzz_image_LIBS := -lgcrypt -llz4 -llzma -lz -lzstd
