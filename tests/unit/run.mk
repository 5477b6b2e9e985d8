# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tools/run.

run_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/run

test_console_SRCS := \
	tools/libzendo/device.c \
	tools/run/console.c \
	tools/run/console_lines.c \
	tools/run/console_reader.c \
	tools/run/console_ring.c \
	tools/run/scrollback.c
test_console_CFLAGS = $(run_CFLAGS)
test_console_LIBS = -lsystemd

test_console_lines_SRCS = tools/run/console_lines.c
test_console_lines_CFLAGS = $(run_CFLAGS)

test_console_ring_SRCS = tools/run/console_ring.c
test_console_ring_CFLAGS = $(run_CFLAGS)

test_scrollback_SRCS = tools/run/scrollback.c
test_scrollback_CFLAGS = $(run_CFLAGS)

test_syscalls_SRCS = tools/run/syscalls.c
test_syscalls_CFLAGS = $(run_CFLAGS) -pthread

test_vcpu_SRCS = tools/libzendo/cpus.c tools/run/vcpu.c
test_vcpu_CFLAGS = $(run_CFLAGS) -pthread

test_domain_vcpus_SRCS := \
	tools/libzendo/cpus.c \
	tools/libzendo/error.c \
	tools/run/domain_vcpus.c \
	tools/run/vcpu.c
test_domain_vcpus_CFLAGS = $(run_CFLAGS) -pthread
test_domain_vcpus_LIBS = -ljson-c

test_core_file_SRCS = tools/run/core_file.c
test_core_file_CFLAGS = $(run_CFLAGS)

test_control_socket_SRCS = tools/libzendo/error.c
test_control_socket_CFLAGS = $(run_CFLAGS)
test_control_socket_LIBS = -lsystemd -ljson-c
