/* SPDX-License-Identifier: GPL-2.0-only */
/* The checking build (make CHECK=1). Nothing of it is in the build that ships. */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/types.h"

#ifdef ZENDO_CHECK
extern uint64_t check_failures;		/* atomic; zendo info */
#endif

#endif
