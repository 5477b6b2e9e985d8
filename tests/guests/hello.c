// SPDX-License-Identifier: GPL-2.0-only
/*
 * hello: the smallest whole guest. Says what it was given (command line, memory map, Xen's CPUID leaves) and checks that it
 * is what the PVH ABI promises; then one word of the command line says how it goes on. Density, soak and tool tests run it:
 * it needs 4 MiB and, when idle, wakes once a second.
 *
 *	(none) poweroff	idle	halt	reboot	crash	suspend	spin	echo	flood=KIB	ticks=N [period_us=N]	touch=MIB	quiet
 */
#include "guest.h"

static const char *const e820_names[] = { "?", "RAM", "reserved", "ACPI", "NVS", "unusable", "disabled", "pmem" };

static void show_memory_map(void)
{
	const struct hvm_memmap_table_entry *e = (const void *)(uintptr_t)start_info.memmap_paddr;
	uint64_t ram = 0;
	uint32_t i;

	for (i = 0; i < start_info.memmap_entries; i++) {
		printf("memory %012llx-%012llx %s\n", (unsigned long long)e[i].addr,
		       (unsigned long long)(e[i].addr + e[i].size - 1),
		       e[i].type < ARRAY_SIZE(e820_names) ? e820_names[e[i].type] : "?");
		if (e[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
			ram += e[i].size;
	}
	printf("memory: %llu KiB of RAM\n", (unsigned long long)(ram >> 10));
	check(ram > 0, "memmap-has-ram", "no RAM in %u entries", start_info.memmap_entries);
}

static void show_xen(void)
{
	uint32_t leaf, r[4];

	for (leaf = xen_base; leaf <= xen_max_leaf; leaf++) {
		cpuid(leaf, 0, r);
		printf("cpuid %08x: %08x %08x %08x %08x\n", leaf, r[0], r[1], r[2], r[3]);
	}
	cpuid(xen_base + 1, 0, r);
	check_equal("cpuid-version-is-xen_version", r[0], xen_version(XENVER_version, NULL));
}

/* Events and a timer, for those words that wait for something. */
static void need_timer(void)
{
	int r = events_init();

	if (!r)
		r = timer_init();
	if (r)
		panic("no events or timer: %d", r);
}

static void idle(void)
{
	need_timer();
	for (;;)
		sleep_until(clock_ns() + NSEC);
}

static void ticks(uint64_t n)
{
	uint64_t period = option_number("period_us", 10000) * 1000, next, i;

	need_timer();
	next = clock_ns();
	for (i = 0; i < n; i++) {
		next += period;
		sleep_until(next);
	}
	printf("%llu ticks\n", (unsigned long long)n);
	check(nr_timer_events > 0, "timer-fired", "no VIRQ_TIMER event");
}

static void flood(uint64_t kib)
{
	char line[64];
	uint64_t i;

	for (i = 0; i < kib * 16; i++) {
		snprintf(line, sizeof(line), "flood %08llx abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST", (unsigned long long)i);
		line[63] = '\n';
		console_write(line, sizeof(line));
	}
}

static void console_event(evtchn_port_t port)
{
	(void)port;
}

static void echo(void)
{
	char line[128];
	size_t n = 0;
	int c;

	if (console_kind != CONSOLE_RING)
		panic("echo needs a console ring");
	need_timer();
	port_handler(console_port, console_event);
	port_unmask(console_port);
	printf("echo until quit\n");
	for (;;) {
		irq_off();
		c = console_getc();
		if (c < 0) {
			halt_irq_on();
			continue;
		}
		irq_on();
		if (c != '\n' && c != '\r') {
			if (n < sizeof(line) - 1)
				line[n++] = (char)c;
			continue;
		}
		line[n] = '\0';
		printf("%s\n", line);
		if (!strcmp(line, "quit"))
			return;
		n = 0;
	}
}

/* One write per page of @mib of RAM above 4 MiB, then read back. */
static void touch(uint64_t mib)
{
	uint64_t a, start = 4ULL << 20, end = start + (mib << 20), bad = 0;

	for (a = start; a < end; a += 4096)
		*(volatile uint64_t *)(uintptr_t)a = a ^ 0x5a5a;
	for (a = start; a < end; a += 4096)
		bad += *(volatile uint64_t *)(uintptr_t)a != (a ^ 0x5a5a);
	check(!bad, "memory-keeps-what-is-written", "%llu pages differ", (unsigned long long)bad);
}

void guest_main(void)
{
	if (!xen_base) {
		printf("no hypervisor\n");
		check(start_info.magic == XEN_HVM_START_MAGIC_VALUE, "start-info-magic", "%x", start_info.magic);
		return;
	}
	if (!option("quiet")) {
		printf("hello: %s\n", cmdline);
		check(start_info.magic == XEN_HVM_START_MAGIC_VALUE, "start-info-magic", "%x", start_info.magic);
		check(start_info.version >= 1, "start-info-version", "%u", start_info.version);
		check(!start_info.flags, "start-info-not-dom0", "flags %x", start_info.flags);
		check(!start_info.reserved, "start-info-reserved", "%x", start_info.reserved);
		show_memory_map();
		show_xen();
	}

	if (option("touch"))
		touch(option_number("touch", 1));
	if (option("flood"))
		flood(option_number("flood", 64));
	if (option("ticks"))
		ticks(option_number("ticks", 10));
	if (option("echo"))
		echo();
	if (option("idle")) {
		printf("idle\n");
		idle();
	}
	report_end();
	if (option("spin"))
		for (;;)
			barrier();
	if (option("halt"))
		__asm__ volatile("cli; hlt");
	if (option("reboot"))
		shutdown(SHUTDOWN_reboot);
	if (option("suspend"))
		shutdown(SHUTDOWN_suspend);
	if (option("crash"))
		shutdown(SHUTDOWN_crash);
	shutdown(SHUTDOWN_poweroff);
}
