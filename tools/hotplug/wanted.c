/* SPDX-License-Identifier: GPL-2.0-only */
#include "wanted.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "config-write.h"
#include "device.h"
#include "runtime.h"

/* ---- reading ---- */

/* Nobody but root can have put there what is there. */
static int check_owner(const char *path, struct zendo_error *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return zendo_error(e, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != 0 || st.st_mode & 022 || S_ISLNK(st.st_mode))
		return zendo_error(e, -EPERM, "%s must be root's alone to write", path);
	return 0;
}

static int load(const char *folder, const char *path, struct zendo_config **ret, struct zendo_error *e)
{
	int r = check_owner(folder, e);

	if (r >= 0)
		r = check_owner(path, e);
	return r < 0 ? r : zendo_config_load(path, NULL, ret, e);
}

static int find_paths(const char *name, const char *file, char folder[static ZENDO_RUNTIME_PATH_MAX], char path[static ZENDO_RUNTIME_PATH_MAX],
		      struct zendo_error *e)
{
	if (zendo_runtime_path(name, "", folder) < 0 || zendo_runtime_path(name, file, path) < 0)
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name", name);
	return 0;
}

int wanted_definition(const char *name, struct zendo_config **ret, struct zendo_error *e)
{
	char folder[ZENDO_RUNTIME_PATH_MAX], path[ZENDO_RUNTIME_PATH_MAX];
	struct stat st;
	int r = find_paths(name, "config", folder, path, e);

	if (r < 0)
		return r;
	if (lstat(path, &st) < 0 && errno == ENOENT) {
		(void)snprintf(folder, sizeof(folder), ZENDO_ETC_DIR);
		(void)snprintf(path, sizeof(path), ZENDO_ETC_DIR "/%s.cfg", name);
	}
	return load(folder, path, ret, e);
}

int wanted_load(const char *name, struct zendo_config **ret, bool *ret_changed, struct zendo_error *e)
{
	char folder[ZENDO_RUNTIME_PATH_MAX], path[ZENDO_RUNTIME_PATH_MAX];
	struct stat st;
	int r = find_paths(name, ZENDO_RUNTIME_DEVICES, folder, path, e);

	if (r < 0)
		return r;
	*ret_changed = lstat(path, &st) >= 0 || errno != ENOENT;
	return *ret_changed ? load(folder, path, ret, e) : wanted_definition(name, ret, e);
}

/* ---- changing ---- */

/* One that could not be read again would keep the guest from rebooting. */
static int check(const char *path, void *userdata)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	return zendo_config_load(path, NULL, &c, userdata);
}

static int save(const struct zendo_config *c, struct zendo_error *e)
{
	char path[ZENDO_RUNTIME_PATH_MAX];
	struct zendo_error why = {};
	int r = zendo_runtime_path(c->name, ZENDO_RUNTIME_DEVICES, path);

	if (r >= 0)
		r = zendo_config_write_file(path, c, check, &why);
	if (r >= 0)
		return 0;
	return *why.text ? zendo_error(e, r, "%s", why.text) : zendo_error(e, r, "%s: %s", path, strerror(-r));
}

/* Moves what @from has behind what is in *@to. */
static int append(void **to, size_t *nr_to, void *from, size_t *nr_from, size_t size)
{
	void *all = *nr_from ? realloc(*to, (*nr_to + *nr_from) * size) : *to;

	if (*nr_from && !all)
		return -ENOMEM;
	if (*nr_from)
		memcpy((char *)all + *nr_to * size, from, *nr_from * size);
	*to = all;
	*nr_to += *nr_from;
	*nr_from = 0;
	return 0;
}

/* 1, or 0: it is gone, and a domain of its name is another start. */
static int find_name(int hvpriv, uint32_t domid, char ret[static HVPRIV_NAME_LEN], struct zendo_error *e)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	size_t nr = 0;
	int r = zendo_device_list(hvpriv, &all, &nr);

	if (r < 0)
		return zendo_error(e, r, "%s", zendo_device_strerror(r));
	for (size_t i = 0; i < nr; i++)
		if (all[i].domid == domid) {
			(void)snprintf(ret, HVPRIV_NAME_LEN, "%s", all[i].name);
			return 1;
		}
	return 0;
}

int wanted_add(int hvpriv, uint32_t domid, struct zendo_config *with, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	char name[HVPRIV_NAME_LEN];
	bool changed;
	int r = find_name(hvpriv, domid, name, e);

	if (r <= 0)
		return r;
	r = wanted_load(name, &c, &changed, e);
	if (r < 0)
		return r;
	if (append((void **)&c->disks, &c->nr_disks, with->disks, &with->nr_disks, sizeof(*c->disks)) < 0 ||
	    append((void **)&c->vifs, &c->nr_vifs, with->vifs, &with->nr_vifs, sizeof(*c->vifs)) < 0)
		return zendo_error(e, -ENOMEM, "out of memory");
	return save(c, e);
}

/* Takes the one of this number out of a list, where it stands @devid_at bytes into each. False: there is none. */
static bool take(void *list, size_t *nr, size_t size, size_t devid_at, uint32_t devid, void (*clear)(void *one))
{
	char *one = list, *const end = one + *nr * size;

	while (one < end && memcmp(one + devid_at, &devid, sizeof(devid)) != 0)
		one += size;
	if (one == end)
		return false;
	clear(one);
	(*nr)--;
	memmove(one, one + size, (size_t)(end - one) - size);
	return true;
}

static void clear_disk(void *disk)
{
	zendo_disk_clear(disk);
}

static void clear_vif(void *vif)
{
	zendo_vif_clear(vif);
}

static bool take_device(struct zendo_config *c, const struct hvback_id *id)
{
	if (strcmp(id->class, "vbd") == 0)
		return take(c->disks, &c->nr_disks, sizeof(*c->disks), offsetof(struct zendo_disk, devid), id->devid, clear_disk);
	return take(c->vifs, &c->nr_vifs, sizeof(*c->vifs), offsetof(struct zendo_vif, devid), id->devid, clear_vif);
}

int wanted_remove(int hvpriv, const struct hvback_id *id, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	char name[HVPRIV_NAME_LEN];
	bool changed;
	int r = find_name(hvpriv, id->domid, name, e);

	if (r <= 0)
		return r;
	r = wanted_load(name, &c, &changed, e);
	if (r < 0)
		return r;
	return take_device(c, id) ? save(c, e) : 0;
}
