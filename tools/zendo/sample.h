/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What domains have used so far, taken at one time, and what they use per second, from two such samples: what stat and top show.
 *
 * Everything is a counter of one table. A domain has some of its own, others are those of its parts: vCPUs, disks, interfaces.
 */
#ifndef ZENDO_SAMPLE_H
#define ZENDO_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#include "backend.h"
#include "device.h"

enum sample_counter {
	SAMPLE_CPU_NS, SAMPLE_STEAL_NS,
	SAMPLE_EXITS, SAMPLE_HALTS, SAMPLE_INTERRUPTS, SAMPLE_EVENTS_IN, SAMPLE_EVENTS_OUT,
	/* as the guest sees it */
	SAMPLE_RX_BYTES, SAMPLE_RX_PACKETS, SAMPLE_TX_BYTES, SAMPLE_TX_PACKETS,
	SAMPLE_RD_REQ, SAMPLE_WR_REQ, SAMPLE_OTHER_REQ, SAMPLE_RD_SECT, SAMPLE_WR_SECT,	/* sectors of 512 bytes */
	SAMPLE_KIND,		/* SAMPLE_KIND + k: exits of kind k, see zendo_exit_kind_to_string() */
	SAMPLE_NR = SAMPLE_KIND + ZENDO_NR_EXIT_KINDS
};
_Static_assert(SAMPLE_NR <= 64, "a word has a bit for each");

#define SAMPLE_BIT(counter)	(UINT64_C(1) << (counter))

/* "cpu_ns", "rx_bytes"; those of exit kinds are the kind's name. */
const char *sample_counter_to_string(unsigned counter);

struct sample_counters {
	uint64_t known;			/* SAMPLE_BIT() of what is known; the rest is 0 */
	uint64_t value[SAMPLE_NR];
};

enum sample_kind { SAMPLE_VCPU, SAMPLE_DISK, SAMPLE_NET };

struct sample_part {
	enum sample_kind kind;
	uint32_t id;
	char name[ZENDO_BACKEND_NAME_MAX];	/* of a device: "vbd-1-51712"; else "" */
	char state[4];				/* of a vCPU: letters as of vcpu-list */
	int32_t cpu;				/* where a vCPU ran last, -1 = unknown */
	struct sample_counters counters;
};

struct sample_domain {
	char name[HVPRIV_NAME_LEN];
	uint32_t domid, state;			/* HVPRIV_ST_* */
	uint32_t nr_vcpus, shutdown_code;
	uint64_t created_ns;			/* CLOCK_BOOTTIME */
	uint64_t memory_kib, max_memory_kib;
	struct sample_counters counters;
	struct sample_part *parts;		/* by kind, then by id */
	size_t nr_parts;
};

struct sample {
	uint64_t when_ns;			/* CLOCK_BOOTTIME */
	struct sample_domain *domains;		/* dom0 first, then by id */
	size_t nr;
};

void sample_set(struct sample_counters *c, unsigned counter, uint64_t value);

/* Room for one more, all zero, in @s or @d; NULL: no memory. Earlier answers are no longer valid. */
struct sample_domain *sample_add_domain(struct sample *s);
struct sample_part *sample_add_part(struct sample_domain *d, enum sample_kind kind, uint32_t id);

void sample_done(struct sample *s);

/* ---- two of them -------------------------------------------------------------------------- */

struct sample_rate {
	const struct sample_domain *domain;	/* of the newer sample, which must be there as long as this */
	const struct sample_part *part;		/* NULL: the domain, with its parts' */
	uint64_t known;
	double per_second[SAMPLE_NR];
};

struct sample_rates {
	double seconds;			/* between the two; of a domain that came meanwhile it is since then */
	struct sample_rate *rows;	/* each domain, followed by its parts */
	size_t nr;
};

/*
 * What @new has more than @old, per second; @old NULL: since each domain is there. One with the same id that was created at another time
 * is another domain; those of @old that are gone are left out. A counter that fell has wrapped if it stood in the upper half of its
 * 64 bits, else it began anew, as that of a device that was taken away and came back.
 * -ENOMEM
 */
int sample_compare(const struct sample *old, const struct sample *new, struct sample_rates *ret);
void sample_rates_done(struct sample_rates *r);

/* Of one CPU: 100 is all of it. */
double sample_cpu_percent(const struct sample_rate *r);
double sample_steal_percent(const struct sample_rate *r);
bool sample_has(const struct sample_rate *r, unsigned counter);

/* ---- this machine ------------------------------------------------------------------------- */

/*
 * Of @names, all domains if there are none, as far as they are there. What a domain's runner or a device does not tell is unknown:
 * who may not ask them has the rest. -errno of the device or of /proc.
 */
int sample_take(int device, char *const *names, size_t nr_names, struct sample *ret);

#endif
