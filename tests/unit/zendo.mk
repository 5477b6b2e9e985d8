# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/zendo and of what it shares with zendo-run.

zendo_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/zendo
zendo_config_SRCS := \
	tools/libzendo/config-convert.c \
	tools/libzendo/config-cpuid.c \
	tools/libzendo/config-cpus.c \
	tools/libzendo/config-devices.c \
	tools/libzendo/config-disk.c \
	tools/libzendo/config-expr.c \
	tools/libzendo/config-json.c \
	tools/libzendo/config-keys.c \
	tools/libzendo/config-option.c \
	tools/libzendo/config-syntax.c \
	tools/libzendo/config-vif.c \
	tools/libzendo/config-write.c \
	tools/libzendo/config.c \
	tools/libzendo/cpus.c \
	tools/libzendo/error.c \
	tools/libzendo/file.c \
	tools/libzendo/vdev.c

test_cli_SRCS := \
	$(zendo_config_SRCS) \
	tools/libzendo/control.c \
	tools/libzendo/definitions.c \
	tools/libzendo/device.c \
	tools/libzendo/runtime.c \
	tools/zendo/cli.c
test_cli_CFLAGS = $(zendo_CFLAGS)
test_cli_LIBS = -ljson-c

test_definitions_SRCS := \
	$(zendo_config_SRCS) \
	tools/libzendo/definition-rename.c \
	tools/libzendo/definitions.c \
	tools/libzendo/runtime.c
test_definitions_CFLAGS = $(zendo_CFLAGS)
test_definitions_LIBS = -ljson-c

test_definition_file_SRCS := \
	$(zendo_config_SRCS) \
	tools/libzendo/runtime.c
test_definition_file_CFLAGS = $(zendo_CFLAGS)
test_definition_file_LIBS = -ljson-c

test_runtime_SRCS := \
	$(zendo_config_SRCS) \
	tools/libzendo/runtime.c
test_runtime_CFLAGS = $(zendo_CFLAGS)
test_runtime_LIBS = -ljson-c

test_doctor_keys_CFLAGS = $(zendo_CFLAGS) -DZENDO_VERSION='"test"'
test_try_SRCS := \
	tools/libzendo/error.c \
	tools/libzendo/file.c
test_try_CFLAGS = $(zendo_CFLAGS)
