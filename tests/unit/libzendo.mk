# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/libzendo; sources from the top of the tree.

include $(TOP)/tools/libzendo/sources.mk

libzendo_CFLAGS := -Itools/libzendo -Iinclude/uapi -Itests/unit

test_acpi_SRCS = tools/libzendo/acpi.c
test_acpi_CFLAGS = $(libzendo_CFLAGS)

test_cpus_SRCS = tools/libzendo/cpus.c
test_cpus_CFLAGS = $(libzendo_CFLAGS)

test_config_SRCS = $(LIBZENDO_CONFIG_SRCS)
test_config_CFLAGS = $(libzendo_CFLAGS)
test_config_LIBS = -ljson-c

test_config_keys_SRCS = $(LIBZENDO_CONFIG_SRCS)
test_config_keys_CFLAGS = $(libzendo_CFLAGS)
test_config_keys_LIBS = -ljson-c

test_config_convert_SRCS = $(LIBZENDO_CONFIG_SRCS)
test_config_convert_CFLAGS = $(libzendo_CFLAGS)
test_config_convert_LIBS = -ljson-c
test_config_cpuid_SRCS = $(LIBZENDO_CONFIG_SRCS)
test_config_cpuid_CFLAGS = $(libzendo_CFLAGS)
test_config_cpuid_LIBS = -ljson-c
test_config_expr_SRCS = $(LIBZENDO_CONFIG_SRCS)
test_config_expr_CFLAGS = $(libzendo_CFLAGS) -DEXAMPLES='"$(TOP)/docs/examples"'
test_config_expr_LIBS = -ljson-c

test_config_disk_SRCS = $(addprefix tools/libzendo/, config-disk.c config-option.c error.c vdev.c)
test_config_disk_CFLAGS = $(libzendo_CFLAGS)

test_config_vif_SRCS = $(addprefix tools/libzendo/, config-option.c config-vif.c error.c)
test_config_vif_CFLAGS = $(libzendo_CFLAGS)

test_cache_SRCS = tools/libzendo/cache.c tools/libzendo/file.c
test_cache_CFLAGS = $(libzendo_CFLAGS)
test_cache_LIBS = -lgcrypt -lz

libzendo_image_SRCS := \
	tools/libzendo/cache.c \
	tools/libzendo/elf-kernel.c \
	tools/libzendo/error.c \
	tools/libzendo/file.c \
	tools/libzendo/image.c \
	tools/libzendo/unpack.c
libzendo_image_LIBS := -lgcrypt -llz4 -llzma -lz -lzstd

test_image_SRCS = $(libzendo_image_SRCS) tests/unit/fake-kernel.c
test_image_CFLAGS = $(libzendo_CFLAGS)
test_image_LIBS = $(libzendo_image_LIBS)

test_build_SRCS = $(libzendo_image_SRCS) tools/libzendo/acpi.c tools/libzendo/build.c tests/unit/fake-kernel.c
test_build_CFLAGS = $(libzendo_CFLAGS)
test_build_LIBS = $(libzendo_image_LIBS)

test_store_socket_SRCS = $(LIBZENDO_STORE_SRCS) tools/libzendo/error.c
test_store_socket_CFLAGS = $(libzendo_CFLAGS)

test_store_again_SRCS = $(LIBZENDO_STORE_SRCS) tools/libzendo/error.c
test_store_again_CFLAGS = $(libzendo_CFLAGS) -pthread

test_control_SRCS = tools/libzendo/control.c
test_control_CFLAGS = $(libzendo_CFLAGS)
test_control_LIBS = -ljson-c
