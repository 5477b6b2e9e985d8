/* SPDX-License-Identifier: GPL-2.0-only */
#include "crash.h"

#include <inttypes.h>
#include <string.h>

#include "device.h"
#include "log.h"

static void report_registers(const struct hvpriv_vcpu_state *s)
{
	static const struct {
		const char *name;
		size_t offset;
	} regs[] = {
#define R(n) { #n, offsetof(struct hvpriv_vcpu_state, n) }
		R(rax), R(rbx), R(rcx), R(rdx), R(rsi), R(rdi), R(rbp), R(rsp),
		R(r8), R(r9), R(r10), R(r11), R(r12), R(r13), R(r14), R(r15),
		R(rip), R(rflags), R(cr0), R(cr2), R(cr3), R(cr4), R(efer), R(dr6), R(dr7),
#undef R
	};
	char line[128];
	int n = 0;

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		uint64_t value;

		memcpy(&value, (const char *)s + regs[i].offset, sizeof(value));
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%-6s %016" PRIx64 "  ", regs[i].name, value);
		if (i % 4 == 3 || i + 1 == sizeof(regs) / sizeof(regs[0])) {
			log_message(LOG_ERR, "  %.*s", n - 2, line);
			n = 0;
		}
	}
	log_message(LOG_ERR, "  cs     %04x base %llx limit %x attr %03x  ss %04x  gdt %llx  idt %llx",
		    s->cs.selector, s->cs.base, s->cs.limit, s->cs.attr, s->ss.selector, s->gdt_base, s->idt_base);
}

static void report_line(const char *line, void *userdata)
{
	(void)userdata;
	log_message(LOG_ERR, "  | %s", line);
}

void crash_report(const struct vcpu *v, uint32_t code, const struct console *console)
{
	struct hvpriv_crash c;

	log_message(LOG_ERR, "the guest has crashed on vCPU %u: %s", v->id, zendo_crash_reason_to_string(code));
	if (zendo_device_vcpu_get_crash(v->fd, &c) >= 0) {
		log_message(LOG_ERR, "  exit kind %u, code %#llx, info %#llx %#llx",
			    c.exit_kind, c.exit_code, c.info1, c.info2);
		report_registers(&c.state);
	}
	log_message(LOG_ERR, "the last lines of its console:");
	console_last_lines(console, CRASH_CONSOLE_LINES, report_line, NULL);
}
