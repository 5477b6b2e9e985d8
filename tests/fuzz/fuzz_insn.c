// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes at the RIP of a guest that touched its APIC's page. What is taken has a length within the bytes, none shorter is enough, and
 * what follows does not count; it is carried out without harm. The copy is on the heap: a byte read too many is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include "fake_core.h"
#include "guest/insn.h"

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "invariant: %s\n", what);
	abort();
}

static bool decode(const uint8_t *data, unsigned int n, enum insn_mode mode, struct insn_mem *i)
{
	uint8_t *b = malloc(n + !n);
	bool ok;

	memcpy(b, data, n);
	ok = insn_decode(b, n, mode, i);
	free(b);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn_mem i, shorter;
	struct zendo_regs r = { .rflags = 2 };
	enum insn_mode mode;
	unsigned int n;

	if (size < 1 || size > 64)
		return 0;
	mode = data[0] % 3;
	n = (unsigned int)size - 1;
	data++;
	if (!decode(data, n, mode, &i))
		return 0;
	check(i.len && i.len <= n && i.len <= INSN_MAX, "length out of bounds");
	for (unsigned int k = 0; k < n; k++) {
		bool ok = decode(data, k, mode, &shorter);

		check(ok == (k >= i.len), "the length is not what was needed");
		check(!ok || !memcmp(&i, &shorter, sizeof(i)), "what follows counts");
	}
	check(insn_reads(&i) || insn_writes(&i), "it does nothing");
	(void)insn_execute(&i, &r, 0x80000001);
	check((r.rflags & ~0x8d5ULL) == 2, "a flag that is not arithmetic");
	return 0;
}
