/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device lists of a configuration. Private to libzendo. */
#ifndef ZENDO_CONFIG_DEVICES_H
#define ZENDO_CONFIG_DEVICES_H

#include "config.h"
#include "config-syntax.h"

/* Fill @c from the value of disk = or vif =. On failure @c holds what was read so far. */
int config_get_disks(struct zendo_config *c, const struct config_value *v, struct zendo_error *e);
int config_get_vifs(struct zendo_config *c, const struct config_value *v, struct zendo_error *e);

void config_clear_devices(struct zendo_config *c);

#endif
