/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory and registers as an ELF64 core, of the kind that kdump leaves as /proc/vmcore:
 *
 *	ELF header, program headers
 *	PT_NOTE		for each vCPU NT_PRSTATUS and the note of QEMU's dumps, which has the control and descriptor registers:
 *			crash(8) finds by CR3 and IDT where the kernel is; VMCOREINFO, if it stands in the guest's memory
 *	PT_LOAD		one for each range of RAM; physical and virtual address are the guest-physical one
 *
 * Pages of zeros and pages that are not there become holes of the file.
 */
#ifndef RUN_CORE_FILE_H
#define RUN_CORE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#define CORE_MAX_RANGES		16
#define CORE_WINDOW		(2ULL << 20)	/* asked for at once */

struct core_range {
	uint64_t start, size;		/* of pages; sorted, no two touch the same page */
};

struct core_vcpu {
	unsigned id;
	struct hvpriv_vcpu_state state;
};

struct core_image {
	struct core_range ranges[CORE_MAX_RANGES];
	unsigned nr_ranges;
	const struct core_vcpu *vcpus;
	unsigned nr_vcpus;

	/*
	 * Guest memory [gpa, gpa + len), whole pages; *ret is good until the next call. -ENXIO: not all of it is there, ask for less.
	 */
	int (*map)(void *userdata, uint64_t gpa, uint64_t len, const void **ret);
	void *userdata;

	atomic_bool *cancel;		/* NULL, or: set by another thread, it ends with -ECANCELED */
	void (*progress)(void *userdata, uint64_t done, uint64_t total);	/* bytes of RAM; may be NULL */
};

struct core_result {
	uint64_t size;			/* of the file */
	uint64_t stored;		/* bytes of it that are no hole */
	uint64_t absent_pages;		/* of RAM that the guest does not have */
	bool vmcoreinfo;
};

/* Write it to @fd, an empty regular file. 0, or -errno: the file is worth nothing then. */
int core_write(int fd, const struct core_image *c, struct core_result *ret);

#endif
