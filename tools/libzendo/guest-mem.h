/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's memory as the code that fills it sees it. The runner implements it over a domain
 * descriptor, the unit tests over a plain buffer.
 */
#ifndef ZENDO_GUEST_MEM_H
#define ZENDO_GUEST_MEM_H

#include <stdint.h>

struct zendo_guest_mem {
	void *userdata;

	/*
	 * Give the guest zeroed memory at [@gfn, @gfn + @nr_pages); @flags are HVPRIV_MEM_*.
	 * All or nothing: -errno as HVPRIV_DOM_ADD_MEMORY.
	 */
	int (*add_memory)(void *userdata, uint64_t gfn, uint64_t nr_pages, uint32_t flags);

	/*
	 * Where [@gpa, @gpa + @len) can be written; the range never leaves one add_memory() range.
	 * Valid until the memory is released. NULL: not there.
	 */
	void *(*ptr)(void *userdata, uint64_t gpa, uint64_t len);
};

#endif
