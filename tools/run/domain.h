/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One life of the guest: a domain of the hypervisor with its vCPU threads, from create to destroy. A
 * restarted guest is another one.
 */
#ifndef RUN_DOMAIN_H
#define RUN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "console_ring.h"
#include "definition.h"
#include "error.h"
#include "vcpu.h"

struct domain {
	int fd;
	uint32_t domid;
	bool paused;			/* by us; it starts so */

	struct vcpu *vcpus;
	unsigned nr_vcpus;
	unsigned vcpus_wanted;		/* how many of them the store says are online: the guest's to follow */
	int reports[2];			/* of struct vcpu_report: we read 0, the threads write 1 */

	void *console_page;
	struct console_ring console;
	uint32_t console_port;
	int console_event;		/* eventfd: the guest has signalled console_port */

	uint32_t store_port;		/* offered to dom0, for the store daemon */
};

/*
 * Create the domain, fill its memory and start its threads; it stays paused. On failure nothing is
 * left and @e tells why.
 */
int domain_new(int device, const struct definition *def, struct domain **ret, struct zendo_error *e);

/* Both are fine when it is so already. */
int domain_pause(struct domain *d);
int domain_unpause(struct domain *d);

/*
 * Make the domain's entries in the store and introduce it there. Whoever else had its number is forgotten by the daemon already; these
 * go, too, when the hypervisor's driver tells the daemon that the domain is no more.
 */
int domain_tell_store(const struct domain *d, const struct definition *def, struct zendo_error *e);

struct json_object;

/* Add to @answer what the control protocol tells of a vCPU. -ENOENT, or -errno of the device. */
int domain_describe_vcpu(const struct domain *d, unsigned id, struct json_object *answer);

/*
 * @id or, CONTROL_ALL_VCPUS, each: may run on @cpus from now on, which is noted in @kept, by vCPU. On failure
 * nothing has changed and @e tells why: -EINVAL, -ENOENT no such vCPU or CPU, -EXDEV outside of the unit's cpuset.
 */
int domain_pin(struct domain *d, unsigned id, const char *cpus, struct zendo_cpus *kept, struct zendo_error *e);

/* An NMI for @id, which must be up, or for all that are. */
int domain_nmi(struct domain *d, unsigned id, struct zendo_error *e);

/*
 * Ask all threads to leave. domain_threads_are_out() when the last report of each has been read (take_report() of the runner
 * notes them); domain_go_on() starts them again. Pausing the guest meanwhile is the caller's.
 */
void domain_hold(struct domain *d);
bool domain_threads_are_out(const struct domain *d);
int domain_go_on(struct domain *d, const struct definition *def, struct zendo_error *e);

/*
 * End all threads and wait for them; the guest does not run any more, its memory is still there.
 * Reports that the threads made can be read from reports[0] afterwards.
 */
void domain_stop(struct domain *d);

/* Destroys it. */
void domain_free(struct domain *d);
DEFINE_CLEANUP(struct domain, domain_free);

#endif
