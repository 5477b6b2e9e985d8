// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi: walks Xen's PVH guest ABI as a stock kernel uses it at boot and after, one line per fact, and asks also for what must be
 * refused, with the error Xen gives. A stock kernel tolerates much and dies silently of the rest; this program says which.
 *
 *	only=hypercalls|memory|time|events|cpu|traps|apic|table|peer|grants|fifo|watchdog
 */
#include "abi.h"

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "hypercalls",	abi_hypercalls },
	{ "time",	abi_time },
	{ "events",	abi_events },
	{ "memory",	abi_memory },
	{ "cpu",	abi_cpu },
	{ "traps",	abi_traps },
	{ "apic",	abi_apic },
	{ "table",	abi_table },
	{ "peer",	abi_peer },
	{ "grants",	abi_grants },
	{ "fifo",	abi_fifo },
	{ "watchdog",	abi_watchdog },
};

bool check_or_skip(const char *name, long got, long wanted)
{
	if (got == -XEN_ENOSYS && wanted != -XEN_ENOSYS) {
		skip(name, "not there (-ENOSYS)");
		return false;
	}
	return check_equal(name, got, wanted);
}

void guest_main(void)
{
	unsigned int i;
	int r;

	if (!xen_base) {
		/* The parts that ask only the processor. */
		printf("no hypervisor\n");
		abi_traps();
		return;
	}
	if (shared_info_map())
		panic("shared_info cannot be mapped");
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (option("only") && !option_is("only", parts[i].name))
			continue;
		if (parts[i].run == abi_watchdog && !option("only"))
			continue;
		printf("# %s\n", parts[i].name);
		if (!timer_port && parts[i].run != abi_hypercalls) {
			r = events_init();
			if (!r)
				r = timer_init();
			if (r)
				panic("events or timer: %d", r);
		}
		parts[i].run();
	}
}
