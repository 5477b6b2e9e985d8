# SPDX-License-Identifier: GPL-2.0-only
# The guest ABI: the very files of hypervisor/guest on a fake core.

GUEST_SRCS := $(patsubst $(TOP)/%,%,$(sort $(wildcard $(TOP)/hypervisor/guest/*.c))) tests/unit/fake_core.c
GUEST_TESTS := $(basename $(notdir $(sort $(wildcard $(TOP)/tests/unit/test_guest_*.c))))

define guest-test
$(1)_SRCS := $(GUEST_SRCS)
$(1)_CFLAGS := -Ihypervisor -Iinclude -Itests/unit -DZENDO_HOST_TEST
endef
$(foreach t,$(GUEST_TESTS),$(eval $(call guest-test,$(t))))
test_guest_insn_SRCS += tests/unit/insn_rows.S
