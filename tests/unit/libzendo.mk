# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/libzendo; sources from the top of the tree.

libzendo_CFLAGS := -Itools/libzendo -Iinclude/uapi

libzendo_config_SRCS := \
	tools/libzendo/config-cpus.c \
	tools/libzendo/config-json.c \
	tools/libzendo/config-keys.c \
	tools/libzendo/config-syntax.c \
	tools/libzendo/config.c \
	tools/libzendo/error.c \
	tools/libzendo/file.c

test_acpi_SRCS = tools/libzendo/acpi.c
test_acpi_CFLAGS = $(libzendo_CFLAGS)

test_config_SRCS = $(libzendo_config_SRCS)
test_config_CFLAGS = $(libzendo_CFLAGS)
test_config_LIBS = -ljson-c
