/* SPDX-License-Identifier: GPL-2.0-only */
#include "state.h"

#include <linux/hvpriv.h>

/* xl prints the reason of a shutdown by its number: poweroff, reboot, suspend, crash, watchdog, soft reset. */
static char reason_letter(uint32_t state, uint32_t shutdown_code)
{
	static const char letters[] = "-rscwS";

	if (!(state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED)))
		return '-';
	return shutdown_code < sizeof(letters) - 1 ? letters[shutdown_code] : '?';
}

void format_state(uint32_t state, uint32_t shutdown_code, char ret[static 7])
{
	ret[0] = state & HVPRIV_ST_RUNNING ? 'r' : '-';
	ret[1] = state & HVPRIV_ST_BLOCKED ? 'b' : '-';
	ret[2] = state & HVPRIV_ST_PAUSED ? 'p' : '-';
	ret[3] = state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED) ? 's' : '-';
	ret[4] = reason_letter(state, shutdown_code);
	ret[5] = state & HVPRIV_ST_DYING ? 'd' : '-';
	ret[6] = '\0';
}
