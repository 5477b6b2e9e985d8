# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What libzendo is made of, paths from the top of the tree. Needs Xen's public headers (libxen-dev).

# Definitions: their languages and their meaning, with what these stand on.
LIBZENDO_CONFIG_SRCS := \
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
	tools/libzendo/config-values.c \
	tools/libzendo/config-vif.c \
	tools/libzendo/config-write.c \
	tools/libzendo/config.c \
	tools/libzendo/cpus.c \
	tools/libzendo/error.c \
	tools/libzendo/file.c \
	tools/libzendo/vdev.c

# The client of the store; with error.c it is whole.
LIBZENDO_STORE_SRCS := \
	tools/libzendo/store-again.c \
	tools/libzendo/store-ask.c \
	tools/libzendo/store.c

LIBZENDO_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	$(LIBZENDO_STORE_SRCS) \
	tools/libzendo/acpi.c \
	tools/libzendo/backend.c \
	tools/libzendo/build.c \
	tools/libzendo/cache.c \
	tools/libzendo/control.c \
	tools/libzendo/definition-rename.c \
	tools/libzendo/definitions.c \
	tools/libzendo/device.c \
	tools/libzendo/elf-kernel.c \
	tools/libzendo/host.c \
	tools/libzendo/hotplug.c \
	tools/libzendo/image.c \
	tools/libzendo/network.c \
	tools/libzendo/runtime.c \
	tools/libzendo/unpack.c

LIBZENDO_CFLAGS := -Iinclude -Iinclude/uapi -D_GNU_SOURCE

# xz, zstd, lz4 and gzip payloads of kernels; libgcrypt for SHA-256, since it is on every Debian
# (libsystemd needs it); json-c for --json.
LIBZENDO_LIBS := -lgcrypt -ljson-c -llz4 -llzma -lz -lzstd

# For programs with libmnl.
LIBZENDO_MNL_SRCS := tools/libzendo/family.c

# The library for others, with nothing of what builds domains: zendo(1) is run for that.
LIBZENDO_API_SRCS := \
	$(LIBZENDO_CONFIG_SRCS) \
	tools/libzendo/api/events.c \
	tools/libzendo/api/session.c \
	tools/libzendo/control.c \
	tools/libzendo/device.c \
	tools/libzendo/family.c \
	tools/libzendo/runtime.c
