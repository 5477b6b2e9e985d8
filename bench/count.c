/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plugin for QEMU's TCG (7.2 and later): counts the instructions that a CPU executes between two marks, of all that runs on it: program, kernel,
 * hypervisor. For machines with several CPUs, where -icount cannot be used.
 *
 *	qemu-system-x86_64 -plugin count.so,out=FILE	a number for each pair of marks, in their order
 *
 * A mark is a NOP that nobody else has (tests/vm/suite/src/marks.h). Counted are whole translation blocks, so each number is off by the same few
 * for the same pair of marks: it is the difference of two numbers that says something.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../tests/vm/suite/src/marks.h"

/* Of QEMU's include/qemu/qemu-plugin.h, which Debian does not have; the version is of that interface. */
#define EXPORT	__attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*vcpu_callback)(unsigned cpu, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, vcpu_callback cb, int flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_callback cb, int flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#define MOST_CPUS	16

static FILE *out;
static struct { uint64_t executed, begun; bool counts; } cpus[MOST_CPUS];

static void on_block(unsigned cpu, void *nr)
{
	if (cpu < MOST_CPUS)
		cpus[cpu].executed += (uintptr_t)nr;
}

static void on_begin(unsigned cpu, void *unused)
{
	(void)unused;
	if (cpu >= MOST_CPUS)
		return;
	cpus[cpu].begun = cpus[cpu].executed;
	cpus[cpu].counts = true;
}

static void on_end(unsigned cpu, void *unused)
{
	(void)unused;
	if (cpu >= MOST_CPUS || !cpus[cpu].counts)
		return;
	cpus[cpu].counts = false;
	fprintf(out, "%" PRIu64 "\n", cpus[cpu].executed - cpus[cpu].begun);
	fflush(out);
}

static bool is_mark(const struct qemu_plugin_insn *insn, uint32_t which)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 };
	uint8_t mark[7];

	memcpy(mark, nop, sizeof(nop));
	memcpy(mark + sizeof(nop), &which, sizeof(which));
	return qemu_plugin_insn_size(insn) == sizeof(mark) && memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark)) == 0;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, (void *)n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(insn, MARK_BEGIN))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, 0, NULL);
		else if (is_mark(insn, MARK_END))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, 0, NULL);
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || !(out = fopen(argv[0] + 4, "we"))) {
		fprintf(stderr, "count.so: out=FILE is missing, or cannot be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
