/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest nullfront and the program that owns its domain (tests/vm/suite/src/backend.c) tell each other: a page of its memory. */
#ifndef NULLFRONT_H
#define NULLFRONT_H

#include <stdint.h>
#include <linux/hvnull.h>

#define BOX_GPA		0x300000UL
#define FRONT_QUEUES	2
#define RING_REF(q)	(8U + (q))
#define SOURCE_REF(q)	(16U + (q))		/* read-only */
#define SLOT_REF(q, s)	(64U + 64 * (q) + (s))
#define SPARE_REF	32U			/* for GRANT: the page of SPARE_GPA */
#define SPARE_GPA	(BOX_GPA + 0x1000)

enum box_command {
	NOTHING,
	OPEN,		/* make rings from nothing, with new ports; arg: keep what is outstanding (0) or forget it (1) */
	GO,		/* keep the rings full */
	DRAIN,		/* answers when nothing is outstanding any more */
	TRY,		/* one request, box.req; box.rsp is what came */
	GRANT,		/* entry arg: box.flags, box.domid, box.gfn */
	FLAGS,		/* answer: the entry's flags */
	IN_USE,		/* answer: how many entries of ours are marked as in use */
	VERSION,	/* ask for a table of version arg, whose entries nobody may use then; answer: what that gave */
	BREAK,		/* do arg to the first ring */
	SCRIBBLE,	/* the second vCPU does arg until the next one */
	BATCH,		/* box.req as often as the first ring has slots; answers when all were answered */
	SPIN,		/* stay awake, and hear events, until there is another command; answers at once */
	OFF,		/* power off */
};

#define BREAK_FAR	0	/* more requests than there are slots */
#define BREAK_BACK	1	/* fewer than were there */
#define BREAK_RESPONSES	2	/* the backend's own index: seen by its next life */

#define SCRIBBLE_GRANTS		1U	/* revoke and grant again */
#define SCRIBBLE_REQUESTS	2U
#define SCRIBBLE_INDEXES	4U
#define SCRIBBLE_MEMORY		8U	/* give pages away that are granted, and ask for new ones */

struct box {
	uint32_t port;			/* by the program, before the start: tells of this page, both ways */
	uint32_t command, arg;
	uint32_t done;			/* commands; done is 1 when the guest has begun */
	int64_t answer;
	struct { uint32_t ref, port; } queue[FRONT_QUEUES];
	uint64_t sent, answered, wrong, scribbled;
	uint64_t hits;			/* handlers of events that ran */
	uint64_t tell_at;		/* by the program: raise the port when so many are answered; 0 then */
	uint32_t flags, domid, gfn;
	struct hvnull_request req;
	struct hvnull_response rsp;
	char why[128];			/* of the first wrong one */
};

#endif /* NULLFRONT_H */
