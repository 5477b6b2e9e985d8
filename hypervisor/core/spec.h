/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Speculation: what is flushed or fenced on each edge between worlds, by the CPU bugs that dom0's kernel found (F19). A table
 * decides, tested on the host; the vendor code and fpu.c carry it out.
 */
#ifndef CORE_SPEC_H
#define CORE_SPEC_H

#include "core/types.h"

enum spec_edge {
	EDGE_GUEST_TO_HV,	/* every exit of a guest */
	EDGE_HV_TO_GUEST,	/* every entry */
	EDGE_GUEST_TO_DOM0,	/* a run ends */
	EDGE_DOMAIN_SWITCH,	/* another domain than the last one here */
	NR_EDGES
};

#define SPEC_RSB_FILL	(1U << 0)	/* stuff the return stack */
#define SPEC_IBPB	(1U << 1)	/* PRED_CMD.IBPB */
#define SPEC_VERW	(1U << 2)	/* clear CPU buffers */
#define SPEC_L1D_FLUSH	(1U << 3)	/* Intel only */

/* What an edge needs on a CPU with these ZENDO_BUG_* flags. Pure. */
uint32_t spec_actions(enum spec_edge e, uint32_t bugs);
/* Computed once at launch. */
extern uint32_t spec_todo[NR_EDGES];
void spec_init(uint32_t bugs, bool has_pred_cmd, bool has_verw);
void spec_act(uint32_t actions);

static inline void spec_do(enum spec_edge e)
{
	if (unlikely(spec_todo[e]))
		spec_act(spec_todo[e]);
}

#endif
