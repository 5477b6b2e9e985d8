# SPDX-License-Identifier: GPL-2.0-only
# zendo-generator, paths from the top of the tree; besides this it is libzendo.

GENERATOR_SRCS := tools/generator/main.c
GENERATOR_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo
