/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains that are known by name whether they run or not: /etc/zendo/NAME.cfg defines NAME. A link in /etc/zendo/auto to such
 * a file has its domain started at boot, as in /etc/xen/auto.
 */
#ifndef ZENDO_DEFINITIONS_H
#define ZENDO_DEFINITIONS_H

#include <limits.h>
#include <stddef.h>

#include <linux/hvpriv.h>

#include "cleanup.h"
#include "config.h"
#include "error.h"

#define ZENDO_DEFINITION_SUFFIX	".cfg"

struct zendo_definition {
	char name[HVPRIV_NAME_LEN];
	char path[PATH_MAX];
	struct zendo_config *config;	/* NULL: it cannot be used, and @error says why */
	struct zendo_error error;
};

/* The path of the definition of @name in @dir (NULL: /etc/zendo), there or not. -EINVAL: not a valid name. */
int zendo_definition_path(const char *dir, const char *name, char *ret, size_t size);

/* Read the definition of @name; it must define a domain of this name. -ENOENT: there is none. @e is filled. */
int zendo_definition_load(const char *dir, const char *name, struct zendo_config **ret, struct zendo_error *e);

/*
 * Call it @new_name: its file, and the name in it; the rest of the text stays as it is. -ENOENT as above, -EEXIST: there is such a
 * definition. On failure @e is filled and nothing has changed.
 */
int zendo_definition_rename(const char *dir, const char *name, const char *new_name, struct zendo_error *e);

/*
 * All definitions in @dir, sorted by name, in memory for zendo_definitions_free(). Those that cannot be used are among them. A
 * folder that is not there has none.
 */
int zendo_definitions_list(const char *dir, struct zendo_definition **ret, size_t *ret_nr);
void zendo_definitions_free(struct zendo_definition *all, size_t nr);

/*
 * Calls @found for each link in @dir/auto (NULL: /etc/zendo), sorted by the links' names, with the name of the domain it stands
 * for; or with NULL and the reason, when it leads to no definition in @dir. -errno of reading the folder; none is fine.
 */
typedef void (*zendo_auto_found_t)(void *userdata, const char *link, const char *name, const char *why);
int zendo_definitions_auto(const char *dir, zendo_auto_found_t found, void *userdata);

#endif
