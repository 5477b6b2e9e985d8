/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cpuid = of a configuration, in both of xl's ways to write it. Private to libzendo. */
#ifndef ZENDO_CONFIG_CPUID_H
#define ZENDO_CONFIG_CPUID_H

#include "config.h"
#include "config-syntax.h"

/*
 * Set @p's hide: what is switched off, and what is of no use without it. 1: something was to be switched on, which has no effect.
 * -EINVAL, -EOPNOTSUPP: @e is filled.
 */
int config_get_cpuid(struct hvpriv_policy *p, const struct config_value *v, struct zendo_error *e);

/* One register of CPUID with what is hidden in it, as an entry of xl's list: "0x7,0:ebx=xxxx..." */
struct config_cpuid_text {
	char text[64];
};
/* False: nothing is hidden in @word. */
bool config_cpuid_format(const struct hvpriv_policy *p, unsigned word, struct config_cpuid_text *ret);

#endif
