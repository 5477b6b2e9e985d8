# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of hypervisor/core and hypervisor/lib; sources from the top of the tree. As the checking build.

core_CFLAGS := -DZENDO_HOST_TEST -DZENDO_CHECK -Ihypervisor -Iinclude -Itests/unit
core_check_SRCS := hypervisor/core/check.c tests/unit/fake_hv.c
core_frame_SRCS := $(core_check_SRCS) hypervisor/core/frame.c hypervisor/core/pool.c
core_npt_SRCS := $(core_frame_SRCS) hypervisor/core/npt.c
core_domain_SRCS := $(core_npt_SRCS) hypervisor/core/gfn_table.c tests/unit/fake_hv_domain.c

test_check_SRCS = $(core_npt_SRCS)
test_check_CFLAGS = $(core_CFLAGS)

test_dom0_SRCS = $(core_npt_SRCS) hypervisor/core/dom0.c
test_dom0_CFLAGS = $(core_CFLAGS)

test_domain_SRCS = $(core_npt_SRCS) hypervisor/core/gfn_table.c hypervisor/core/domain.c
test_domain_CFLAGS = $(core_CFLAGS)

test_domain_mem_SRCS = $(core_domain_SRCS) hypervisor/core/domain_mem.c hypervisor/core/guest_mem.c
test_domain_mem_CFLAGS = $(core_CFLAGS)

test_frame_SRCS = $(core_frame_SRCS)
test_frame_CFLAGS = $(core_CFLAGS)

# test_guest_* are the guest ABI's: guest.mk.
test_core_guest_mem_SRCS = $(core_domain_SRCS) hypervisor/core/guest_mem.c
test_core_guest_mem_CFLAGS = $(core_CFLAGS)

test_core_grant_mem_SRCS = $(test_core_guest_mem_SRCS)
test_core_grant_mem_CFLAGS = $(core_CFLAGS)

# C's functions by other names: the sanitizer's own stay what the process uses.
test_lib_SRCS = hypervisor/core/lock.c hypervisor/lib/printf.c hypervisor/lib/string.c
test_lib_CFLAGS = $(filter-out -DZENDO_CHECK,$(core_CFLAGS)) -fno-builtin -Dmemcpy=hv_memcpy -Dmemset=hv_memset \
	-Dmemmove=hv_memmove -Dmemcmp=hv_memcmp -Dstrlen=hv_strlen

# The file itself is in the test, with TLBs of its own.
test_map_SRCS = hypervisor/core/lock.c
test_map_CFLAGS = $(filter-out -DZENDO_CHECK,$(core_CFLAGS))

test_npt_SRCS = $(core_npt_SRCS)
test_npt_CFLAGS = $(core_CFLAGS)

test_pool_SRCS = $(core_check_SRCS) hypervisor/core/pool.c
test_pool_CFLAGS = $(core_CFLAGS)

test_spec_SRCS = hypervisor/core/spec.c
test_spec_CFLAGS = $(core_CFLAGS)

test_time_SRCS = hypervisor/core/time.c
test_time_CFLAGS = $(core_CFLAGS)

test_trace_SRCS = hypervisor/core/trace.c
test_trace_CFLAGS = $(core_CFLAGS)

test_vcpu_run_SRCS = hypervisor/core/check.c hypervisor/core/vcpu.c hypervisor/core/kick.c
test_vcpu_run_CFLAGS = $(core_CFLAGS)

test_gfn_table_SRCS = $(core_domain_SRCS) hypervisor/core/domain_mem.c hypervisor/core/guest_mem.c
test_gfn_table_CFLAGS = $(core_CFLAGS)
test_gfn_table_LIBS = -pthread
