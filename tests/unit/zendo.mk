# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/zendo and of what it shares with zendo-run.

zendo_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/zendo

test_cli_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/control.c \
	tools/libzendo/definitions.c \
	tools/libzendo/device.c \
	tools/libzendo/runtime.c \
	tools/zendo/cli.c
test_cli_CFLAGS = $(zendo_CFLAGS)
test_cli_LIBS = -ljson-c

test_definitions_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/definition-rename.c \
	tools/libzendo/definitions.c \
	tools/libzendo/runtime.c
test_definitions_CFLAGS = $(zendo_CFLAGS)
test_definitions_LIBS = -ljson-c -Wl,--wrap=fsync

test_definition_file_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/runtime.c
test_definition_file_CFLAGS = $(zendo_CFLAGS)
test_definition_file_LIBS = -ljson-c

test_runtime_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/runtime.c
test_runtime_CFLAGS = $(zendo_CFLAGS)
test_runtime_LIBS = -ljson-c

test_doctor_keys_SRCS := tools/hotplug/run.c
test_doctor_keys_CFLAGS = $(zendo_CFLAGS) -DZENDO_VERSION='"test"'
test_progress_SRCS := tools/zendo/progress.c
test_progress_CFLAGS = $(zendo_CFLAGS)
test_image_plan_SRCS := $(LIBZENDO_CONFIG_SRCS)
test_image_plan_CFLAGS = $(zendo_CFLAGS)
test_image_plan_LIBS = -ljson-c
test_try_SRCS := \
	tools/libzendo/error.c \
	tools/libzendo/file.c
test_try_CFLAGS = $(zendo_CFLAGS)

test_clone_SRCS := $(LIBZENDO_CONFIG_SRCS)
test_clone_CFLAGS = $(zendo_CFLAGS)
test_clone_LIBS = -ljson-c
test_sample_SRCS := \
	tools/libzendo/device.c \
	tools/zendo/sample.c \
	tools/zendo/sample_table.c \
	tools/zendo/state.c
test_sample_CFLAGS = $(zendo_CFLAGS) -Ihypervisor

test_top_SRCS = $(test_sample_SRCS) tools/zendo/top.c
test_top_CFLAGS = $(zendo_CFLAGS)

test_logs_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/runtime.c
test_logs_CFLAGS = $(zendo_CFLAGS)
test_logs_LIBS = -ljson-c

test_catalogue_SRCS := \
	tools/libzendo/error.c \
	tools/zendo/catalogue.c
test_catalogue_CFLAGS = $(zendo_CFLAGS)
