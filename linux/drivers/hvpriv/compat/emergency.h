/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's slot for "switch virtualisation off on this CPU, now". Exported by Debian's 6.1.192 and
 * by 6.6 to 6.12; kept for KVM alone later. Kbuild looks for it and sets HV_HAVE_EMERGENCY_CALLBACK;
 * without it the crash kernel runs on as dom0 (F30).
 */
#ifndef HVPRIV_COMPAT_EMERGENCY_H
#define HVPRIV_COMPAT_EMERGENCY_H

#include <linux/types.h>
#include <asm/reboot.h>

#ifdef HV_HAVE_EMERGENCY_CALLBACK
static inline bool hv_emergency_register(void (*fn)(void))
{
	cpu_emergency_register_virt_callback(fn);
	return true;
}

static inline void hv_emergency_unregister(void (*fn)(void))
{
	cpu_emergency_unregister_virt_callback(fn);
}
#else
static inline bool hv_emergency_register(void (*fn)(void))
{
	return false;
}

static inline void hv_emergency_unregister(void (*fn)(void))
{
}
#endif

#endif /* HVPRIV_COMPAT_EMERGENCY_H */
