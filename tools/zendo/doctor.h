/* SPDX-License-Identifier: GPL-2.0-only */
/* What a check of "zendo doctor" finds. */
#ifndef ZENDO_DOCTOR_H
#define ZENDO_DOCTOR_H

#include <stdbool.h>

enum verdict {
	DOCTOR_OK,
	DOCTOR_WARN,		/* works, but someone should know */
	DOCTOR_FAIL,		/* stands in the way of launching or of creating domains */
};

struct finding {
	enum verdict verdict;
	char text[240];
	const char *remedy;	/* a sentence, a command in it; NULL = there is nothing to do */
};

struct check {
	const char *name;
	void (*run)(struct finding *ret);	/* starts as DOCTOR_OK with an empty text */
};

extern const struct check doctor_checks[];	/* ends with a NULL name */

/* Whether modules will build for the kernel of doctor_set_kernel(), which must have been called. */
extern const struct check doctor_kernel_checks[];

/* Keeps @release, which must stay; false when it cannot be the name of a kernel. */
bool doctor_set_kernel(const char *release);

/* Whether a program is where root's shells and DKMS look. */
bool doctor_has_program(const char *name);

__attribute__((format(printf, 4, 5)))
void found(struct finding *f, enum verdict v, const char *remedy, const char *format, ...);

#endif
