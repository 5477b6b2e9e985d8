/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZENDO_STATE_H
#define ZENDO_STATE_H

#include <stdint.h>

/* xl's six letters for HVPRIV_ST_* and SHUTDOWN_*; zendo(1) says what they mean. */
void format_state(uint32_t state, uint32_t shutdown_code, char ret[static 7]);

#endif
