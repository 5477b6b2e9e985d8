# SPDX-License-Identifier: GPL-2.0-only
fuzz_hypercall_SRCS := $(patsubst $(TOP)/%,%,$(sort $(wildcard $(TOP)/hypervisor/guest/*.c))) tests/unit/fake_core.c
fuzz_hypercall_CFLAGS := -Ihypervisor -Iinclude -Itests/unit -DZENDO_HOST_TEST -Wno-gnu-variable-sized-type-not-at-end
fuzz_insn_SRCS := $(fuzz_hypercall_SRCS)
fuzz_insn_CFLAGS := $(fuzz_hypercall_CFLAGS)
