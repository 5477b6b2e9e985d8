# SPDX-License-Identifier: GPL-2.0-only
# zendo-run, paths from the top of the tree; besides these it is libzendo.

RUN_SRCS := \
	tools/run/cgroup.c \
	tools/run/console.c \
	tools/run/console_lines.c \
	tools/run/console_reader.c \
	tools/run/console_ring.c \
	tools/run/control_socket.c \
	tools/run/core_file.c \
	tools/run/crash.c \
	tools/run/definition.c \
	tools/run/domain.c \
	tools/run/domain_store.c \
	tools/run/domain_vcpus.c \
	tools/run/dump.c \
	tools/run/lend.c \
	tools/run/log.c \
	tools/run/machine.c \
	tools/run/main.c \
	tools/run/privilege.c \
	tools/run/runner.c \
	tools/run/runner_end.c \
	tools/run/runner_requests.c \
	tools/run/runner_stop.c \
	tools/run/scrollback.c \
	tools/run/syscalls.c \
	tools/run/vcpu.c
RUN_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/run -pthread
RUN_PKGS := libsystemd json-c
