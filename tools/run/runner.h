/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain's whole time under one process: it runs, ends, is perhaps built again or kept, and is at last
 * destroyed. Everything happens in one event loop; only the vCPUs have threads.
 */
#ifndef RUN_RUNNER_H
#define RUN_RUNNER_H

#include <stdbool.h>

#include "cleanup.h"
#include "console.h"
#include "control_socket.h"
#include "definition.h"

/* Exit status of zendo-run. */
enum {
	RUN_OK = 0,		/* the domain ended as its guest or an administrator wished */
	RUN_FAILURE = 1,	/* it could not be started, or the runner failed */
	RUN_USAGE = 2,
	RUN_CRASHED = 10,	/* the guest crashed; below 8 systemd prints names of its own beside it */
};

/*
 * A guest that ends again and again is not built for ever: more restarts than this within the time
 * and it stays down.
 */
#define RUN_MAX_RESTARTS	5
#define RUN_RESTART_SECONDS	60

/* Guests that rename-restart leaves for a look, each with all its memory; the next one stays in its place. */
#define RUN_MAX_KEPT		8

/* A unit that is stopped: its guest has this long to notice that it is asked to shut down; with ZENDO_STOP_SEC= to do it. */
#define RUN_HEAR_SECONDS	10

struct runner;

/* All borrowed, and to live longer. @dump_folder: -1 for none. */
int runner_new(sd_event *event, int device, int dump_folder, struct definition *def, struct console *console,
	       struct runner **ret);
void runner_free(struct runner *r);
DEFINE_CLEANUP(struct runner, runner_free);

/* Answer requests on @control. */
int runner_serve(struct runner *r, struct control *control);

/* Build the guest and let it run, or leave it @paused; then tell systemd. */
int runner_start(struct runner *r, bool paused, struct zendo_error *e);

/* Until the domain has ended; its exit status. */
int runner_loop(struct runner *r);

#endif
