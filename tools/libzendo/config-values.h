/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a configuration's keys were set to, and what that means. Private to libzendo. */
#ifndef ZENDO_CONFIG_VALUES_H
#define ZENDO_CONFIG_VALUES_H

#include <stdbool.h>

#include "config.h"
#include "config-keys.h"
#include "config-syntax.h"

/* All that was set, by key; the last assignment counts. */
struct config_values {
	struct config_value value[KEY_NR];
	bool set[KEY_NR];
};

/*
 * Fill @c, which is zeroed, from these; a key that is not set has its default, NULL or 0 where it must be set. -EINVAL, -EOPNOTSUPP,
 * -ENOMEM: @e is filled, and @c holds what was read so far.
 */
int config_get_all(struct zendo_config *c, const struct config_values *values, struct zendo_error *e);

/* Room for the next warning, NULL when there are enough or memory is short: they are a courtesy. */
struct zendo_error *config_new_warning(struct zendo_config *c);

#endif
