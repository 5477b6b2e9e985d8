/* SPDX-License-Identifier: GPL-2.0-only */
/* For the assembler: "no frame above this one" was renamed in 6.4. */
#ifndef HVPRIV_COMPAT_UNWIND_HINTS_H
#define HVPRIV_COMPAT_UNWIND_HINTS_H

#include <asm/unwind_hints.h>

.macro HV_UNWIND_HINT_END
#ifdef HV_HAVE_UNWIND_HINT_EMPTY
	UNWIND_HINT_EMPTY
#else
	UNWIND_HINT_END_OF_STACK
#endif
.endm

#endif /* HVPRIV_COMPAT_UNWIND_HINTS_H */
