// SPDX-License-Identifier: GPL-2.0-only
/* From start.S to guest_main(): start_info, command line, memory map. */
#include "guest.h"

#define HOLE_ALIGN	(2ULL << 20)
#define APIC_BASE	0xfee00000ULL

struct hvm_start_info start_info;
char cmdline[1024];

void guest_start(uintptr_t info);

static const struct hvm_memmap_table_entry *memmap(void)
{
	return (const void *)(uintptr_t)start_info.memmap_paddr;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

const char *option(const char *name)
{
	const char *p = cmdline;
	size_t n = strlen(name);

	while (*p) {
		while (is_blank(*p))
			p++;
		if (!memcmp(p, name, n) && (!p[n] || is_blank(p[n])))
			return "";
		if (!memcmp(p, name, n) && p[n] == '=')
			return p + n + 1;
		while (*p && !is_blank(*p))
			p++;
	}
	return NULL;
}

bool option_is(const char *name, const char *value)
{
	const char *v = option(name);
	size_t n = strlen(value);

	return v && !memcmp(v, value, n) && (!v[n] || is_blank(v[n]));
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
	const char *v = option(name);
	uint64_t n = 0;
	unsigned int base = 10;

	if (!v || !*v || is_blank(*v))
		return otherwise;
	if (v[0] == '0' && v[1] == 'x') {
		base = 16;
		v += 2;
	}
	for (;; v++) {
		unsigned int digit = *v >= '0' && *v <= '9' ? (unsigned int)(*v - '0') :
				     *v >= 'a' && *v <= 'f' ? (unsigned int)(*v - 'a' + 10) : 99;

		if (digit >= base)
			break;
		n = n * base + digit;
	}
	return *v == 'k' ? n << 10 : *v == 'm' ? n << 20 : n;
}

static bool in_memory_map(uint64_t start, uint64_t end)
{
	uint32_t i;

	if (start < APIC_BASE + 4096 && end > APIC_BASE)
		return true;
	for (i = 0; i < start_info.memmap_entries; i++)
		if (start < memmap()[i].addr + memmap()[i].size && end > memmap()[i].addr)
			return true;
	return false;
}

uint64_t memory_hole(uint64_t from, uint64_t size)
{
	uint64_t a = (from + HOLE_ALIGN - 1) & ~(HOLE_ALIGN - 1);

	for (; a + size <= 1ULL << 32; a += HOLE_ALIGN)
		if (!in_memory_map(a, a + size))
			return a;
	return 0;
}

void guest_start(uintptr_t info)
{
	const char *s;
	size_t i;

	memcpy(&start_info, (const void *)info, sizeof(start_info));
	s = (const char *)(uintptr_t)start_info.cmdline_paddr;
	for (i = 0; s && s[i] && i < sizeof(cmdline) - 1; i++)
		cmdline[i] = s[i];
	traps_init();
	xen_init();
	if (!xen_base) {		/* a real PIC then, with a timer on vector 8 */
		outb(0x21, 0xff);
		outb(0xa1, 0xff);
	}
	console_init();
	guest_main();
	finish();
}
