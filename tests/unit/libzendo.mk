# SPDX-License-Identifier: GPL-2.0-only

test_acpi_SRCS = tools/libzendo/acpi.c
test_acpi_CFLAGS = -Itools/libzendo
