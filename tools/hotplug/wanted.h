/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that a domain is to have. At its start they are those of its definition. What is attached and detached while it runs is to be
 * there, or not, after its guest has rebooted: /run/zendo/domains/NAME/devices is the definition with the devices as they are, from the first
 * such change to the end of the domain's unit.
 */
#ifndef HOTPLUG_WANTED_H
#define HOTPLUG_WANTED_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/hvback.h>

#include "config.h"
#include "error.h"

/* The definition of a running domain, from a place where only root writes. */
int wanted_definition(const char *name, struct zendo_config **ret, struct zendo_error *e);

/* With the devices as they are; *ret_changed: they need not be the definition's. */
int wanted_load(const char *name, struct zendo_config **ret, bool *ret_changed, struct zendo_error *e);

/* The devices of @with, which is named like the domain, were attached. They are moved out of it. Fine when the domain is gone. */
int wanted_add(int hvpriv, uint32_t domid, struct zendo_config *with, struct zendo_error *e);

/* This one is to be there no more. Fine when its domain is gone. */
int wanted_remove(int hvpriv, const struct hvback_id *id, struct zendo_error *e);

#endif
