// SPDX-License-Identifier: GPL-2.0-only
#include <zendo/abi.h>
#include "core/spec.h"
#include "core/types.h"

uint32_t spec_todo[NR_EDGES];

/* Which bug asks for what, where. Sources: AMD "Software techniques for managing speculation", Linux hw-vuln docs. */
static const struct spec_row {
	uint32_t bug;
	enum spec_edge edge;
	uint32_t action;
} rows[] = {
	/* A guest must not steer our, or another's, indirect branches and returns. */
	{ ZENDO_BUG_SPECTRE_V2,	 EDGE_GUEST_TO_HV,   SPEC_RSB_FILL },
	{ ZENDO_BUG_SPECTRE_V2,	 EDGE_DOMAIN_SWITCH, SPEC_IBPB },
	/* Dom0's Linux does not know that a call's return is a VM exit: nobody untrains for it. */
	{ ZENDO_BUG_RETBLEED,	 EDGE_GUEST_TO_DOM0, SPEC_IBPB },
	{ ZENDO_BUG_SRSO,	 EDGE_GUEST_TO_DOM0, SPEC_IBPB },
	{ ZENDO_BUG_BHI,	 EDGE_GUEST_TO_DOM0, SPEC_IBPB },
	/* Buffers and L1 keep data of whoever ran before. */
	{ ZENDO_BUG_MDS,	 EDGE_HV_TO_GUEST,   SPEC_VERW },
	{ ZENDO_BUG_MMIO_STALE,	 EDGE_HV_TO_GUEST,   SPEC_VERW },
	{ ZENDO_BUG_L1TF,	 EDGE_HV_TO_GUEST,   SPEC_L1D_FLUSH },
};

uint32_t spec_actions(enum spec_edge e, uint32_t bugs)
{
	uint32_t a = 0;

	if (bugs & ZENDO_MITIGATIONS_OFF)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].edge == e && (rows[i].bug & bugs))
			a |= rows[i].action;
	return a;
}

void spec_init(uint32_t bugs, bool has_pred_cmd, bool has_verw)
{
	for (int e = 0; e < NR_EDGES; e++) {
		spec_todo[e] = spec_actions((enum spec_edge)e, bugs);
		if (!has_pred_cmd)
			spec_todo[e] &= ~SPEC_IBPB;
		if (!has_verw)
			spec_todo[e] &= ~(SPEC_VERW | SPEC_L1D_FLUSH);
	}
}
