# SPDX-License-Identifier: GPL-2.0-only

test_console_lines_SRCS = tools/run/console_lines.c
test_console_lines_CFLAGS = -Itools/run

test_console_ring_SRCS = tools/run/console_ring.c
test_console_ring_CFLAGS = -Itools/run

test_scrollback_SRCS = tools/run/scrollback.c
test_scrollback_CFLAGS = -Itools/run -Itools/libzendo
