// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

#define DEBUG_EXIT_PORT	0x501	/* QEMU's isa-debug-exit, when there is no hypervisor */

unsigned int nr_checks, nr_failed;

bool check(bool good, const char *name, const char *reason, ...)
{
	char buf[256];
	va_list ap;

	nr_checks++;
	if (good) {
		printf("ok %s\n", name);
		return true;
	}
	nr_failed++;
	va_start(ap, reason);
	vsnprintf(buf, sizeof(buf), reason, ap);
	va_end(ap);
	printf("not ok %s: %s\n", name, buf);
	return false;
}

bool check_equal(const char *name, long got, long wanted)
{
	return check(got == wanted, name, "got %ld, wanted %ld", got, wanted);
}

bool check_refused(const char *name, long got)
{
	return check(got < 0, name, "got %ld, wanted an error", got);
}

void skip(const char *name, const char *reason)
{
	printf("skip %s: %s\n", name, reason);
}

void report_end(void)
{
	if (nr_failed)
		printf("FAIL %u of %u\n", nr_failed, nr_checks);
	else
		printf("PASS %u\n", nr_checks);
}

void shutdown(unsigned int reason)
{
	struct sched_shutdown s = { .reason = reason };

	if (option("drain"))
		console_drain();
	if (xen_base)
		(void)sched_op(SCHEDOP_shutdown, &s);
	else
		outb(DEBUG_EXIT_PORT, nr_failed || reason != SHUTDOWN_poweroff);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void finish(void)
{
	report_end();
	shutdown(SHUTDOWN_poweroff);
}

void panic(const char *fmt, ...)
{
	char buf[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	nr_checks++;
	nr_failed++;
	printf("not ok panic: %s\nFAIL %u of %u\n", buf, nr_failed, nr_checks);
	shutdown(SHUTDOWN_crash);
}
