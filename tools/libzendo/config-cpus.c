/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config.h"

const struct zendo_cpus *zendo_config_cpus_of(const struct zendo_config *c, unsigned vcpu)
{
	const unsigned i = c->cpus_listed ? vcpu : 0;

	return i < c->nr_cpus && !zendo_cpus_is_all(&c->cpus[i]) ? &c->cpus[i] : NULL;
}

int zendo_config_check_cpus(const struct zendo_config *c, const struct zendo_cpus *there, struct zendo_error *e)
{
	for (unsigned i = 0; i < c->nr_cpus; i++) {
		_cleanup_free_ char *text = NULL;
		struct zendo_cpus s = c->cpus[i];
		unsigned cpu;

		if (zendo_cpus_limit(&s, there, &cpu) >= 0)
			continue;
		if (zendo_cpus_format(there, &text) < 0)
			return zendo_error(e, -ENOMEM, "out of memory");
		return zendo_error_at(e, -ENOENT, c->cpus_at.source, c->cpus_at.line, c->cpus_at.column,
				      "'cpus' names CPU %u, which is not there: online are %s", cpu, text);
	}
	return 0;
}
