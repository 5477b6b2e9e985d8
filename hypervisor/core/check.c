// SPDX-License-Identifier: GPL-2.0-only
#ifdef ZENDO_CHECK

#include "core/check.h"
#include "core/cpu.h"
#include "core/log.h"

uint64_t check_failures;

void check_failed(const char *file, int line, const char *what, bool *said)
{
	__atomic_fetch_add(&check_failures, 1, __ATOMIC_RELAXED);
	if (!__atomic_exchange_n(said, true, __ATOMIC_RELAXED))
		hv_log("CPU %u: check failed: %s:%d: %s", this_cpu()->id, file, line, what);
}

#else
typedef int nothing_to_check;	/* a file is not empty in ISO C */
#endif
