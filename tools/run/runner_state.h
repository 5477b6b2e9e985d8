/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the runner share: its life in runner.c, its end in runner_end.c, the way there in runner_stop.c, what it is
 * asked for in runner_requests.c.
 */
#ifndef RUN_RUNNER_STATE_H
#define RUN_RUNNER_STATE_H

#include "runner.h"

#include <time.h>

#include "dump.h"
#include "lend.h"

/* A guest that has ended, with another name, beside the one that has its name now (rename-restart). */
struct kept {
	struct domain *domain;
	struct lent *lent;		/* threads of devices that came while it ran */
	char name[HVPRIV_NAME_LEN];
};

struct runner {
	sd_event *event;
	int device;
	struct definition *def;
	struct console *console;
	struct control *control;	/* who asks for what */

	struct domain *domain;
	struct lent *lent;		/* threads for its devices; NULL: it has none */
	bool had_devices;		/* this guest, or those it is the successor of */
	sd_event_source *reports;
	sd_event_source *on_end, *on_final;	/* run once when enabled: what follows the guest's end */
	bool ended;			/* the guest has stopped for good; ->reason says why */
	uint32_t exit, code;		/* HVPRIV_EXIT_* and its code; exit 0: the runner's own failure */
	uint32_t ended_vcpu;
	char reason[128];
	int status;			/* to exit with */

	int dump_folder;		/* where cores go; negative: nowhere */
	struct dump *dump;		/* being written; of ->domain if not said otherwise */
	bool dump_holds;		/* for it the guest, which has not ended, stands still */
	enum zendo_on_event after_dump;	/* of one that has ended */

	bool stopping;			/* by systemd: the next end of the guest is the last */
	sd_event_source *stop_timer, *hear_timer;

	struct kept kept[RUN_MAX_KEPT];
	unsigned nr_kept;

	unsigned restarts;		/* in all */
	time_t recent[RUN_MAX_RESTARTS];	/* times of the last ones, as a ring */
};

__attribute__((format(printf, 2, 3)))
void runner_set_reason(struct runner *r, const char *format, ...);

/* ---- runner.c ---- */

/* One report of a vCPU, waited for with @flags of recv(2); false: there is none. The first that ends the guest tells why it ended. */
bool runner_take_report(struct runner *r, int flags);

/* What stands in the unit's status. */
void runner_tell_state(const struct runner *r);

/* ---- runner_end.c ---- */

/*
 * Stop what still runs and take everything the guest has left to say. On return it stands still
 * and nothing of it is watched.
 */
void runner_settle(struct runner *r);

/* Fine when there is none. */
void runner_free_domain(struct runner *r);

/* Nothing is left, and the loop ends. */
void runner_finish(struct runner *r, int status);

/* For sd_event_add_defer(): the guest has ended; whatever happened, this is the end. */
int runner_on_ended(sd_event_source *s, void *userdata);
int runner_on_final_destroy(sd_event_source *s, void *userdata);

/* NULL: no such. */
struct kept *runner_find_kept(struct runner *r, uint32_t domid);
void runner_drop_kept(struct runner *r, struct kept *k);

/* ---- runner_requests.c ---- */

extern const struct control_operations runner_operations;

/* From within any handler; it happens when that has returned. */
void runner_destroy(struct runner *r);

/* ---- runner_stop.c ---- */

/* SIGTERM and SIGINT: shut the guest down, destroy it if that takes too long or it is told again. */
int runner_on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata);

/* Ask the guest. -ESHUTDOWN: it has ended; else @e is filled. */
int runner_shut_down(struct runner *r, const char *how, struct zendo_error *e);
int runner_sysrq(struct runner *r, const char *key, struct zendo_error *e);
int runner_set_vcpus(struct runner *r, unsigned nr, struct zendo_error *e);

#endif
