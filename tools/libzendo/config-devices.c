/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disk = [...] and vif = [...]: lists of strings, each with a syntax of its own (config-disk.h, config-vif.h). */
#include "config-devices.h"

#include <errno.h>
#include <string.h>

typedef int (*add_t)(struct zendo_config *c, const char *text, const struct zendo_error *at, struct zendo_error *e);

static void place_of(const struct config_value *v, struct zendo_error *ret)
{
	(void)zendo_error_at(ret, 0, v->source, v->line, v->column, "%s", "");
}

static int each(struct zendo_config *c, const char *key, const struct config_value *v, add_t add, struct zendo_error *e)
{
	const struct config_value *items = v->kind == CONFIG_LIST ? v->items : v;
	size_t nr = v->kind == CONFIG_LIST ? v->nr_items : 1;
	struct zendo_error at;
	int r;

	if (v->kind == CONFIG_STRING && v->len == 0)	/* disk= on a command line takes them away */
		return 0;
	for (size_t i = 0; i < nr; i++) {
		if (items[i].kind != CONFIG_STRING)
			return zendo_error_at(e, -EINVAL, items[i].source, items[i].line, items[i].column,
					      "'%s' wants a list of strings", key);
		place_of(&items[i], &at);
		r = add(c, items[i].string, &at, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int too_many(const struct zendo_error *at, const char *what, unsigned max, struct zendo_error *e)
{
	return zendo_error_at(e, -EINVAL, at->source, at->line, at->column, "'%s': more than %u", what, max);
}

static int add_disk(struct zendo_config *c, const char *text, const struct zendo_error *at, struct zendo_error *e)
{
	struct zendo_disk *all, d = {};
	int r;

	if (c->nr_disks == ZENDO_DISKS_MAX)
		return too_many(at, "disk", ZENDO_DISKS_MAX, e);
	all = reallocarray(c->disks, c->nr_disks + 1, sizeof(*all));
	if (!all)
		return zendo_error(e, -ENOMEM, "out of memory");
	c->disks = all;
	r = zendo_disk_parse(text, at, &d, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->nr_disks; i++)
		if (all[i].devid == d.devid) {
			r = zendo_error_at(e, -EINVAL, at->source, at->line, at->column,
					   "'disk': %s is taken by the disk of line %u", d.vdev, all[i].at.line);
			zendo_disk_clear(&d);
			return r;
		}
	all[c->nr_disks++] = d;
	return 0;
}

static int add_vif(struct zendo_config *c, const char *text, const struct zendo_error *at, struct zendo_error *e)
{
	struct zendo_vif *all, v = {};
	const char *what = NULL;
	int r;

	if (c->nr_vifs == ZENDO_VIFS_MAX)
		return too_many(at, "vif", ZENDO_VIFS_MAX, e);
	all = reallocarray(c->vifs, c->nr_vifs + 1, sizeof(*all));
	if (!all)
		return zendo_error(e, -ENOMEM, "out of memory");
	c->vifs = all;
	r = zendo_vif_parse(text, at, &v, e);
	if (r < 0)
		return r;
	if (!v.has_devid)
		v.devid = (uint32_t)c->nr_vifs;
	for (size_t i = 0; i < c->nr_vifs && !what; i++)
		if (all[i].devid == v.devid)
			what = "devid";
		else if (v.has_mac && all[i].has_mac && memcmp(all[i].mac, v.mac, sizeof(v.mac)) == 0)
			what = "mac";
		else if (*v.vifname && strcmp(all[i].vifname, v.vifname) == 0)
			what = "vifname";
	if (what) {
		zendo_vif_clear(&v);
		return zendo_error_at(e, -EINVAL, at->source, at->line, at->column,
				      "'vif': another interface has this %s", what);
	}
	all[c->nr_vifs++] = v;
	return 0;
}

int config_get_disks(struct zendo_config *c, const struct config_value *v, struct zendo_error *e)
{
	return each(c, "disk", v, add_disk, e);
}

int config_get_vifs(struct zendo_config *c, const struct config_value *v, struct zendo_error *e)
{
	return each(c, "vif", v, add_vif, e);
}

void config_clear_devices(struct zendo_config *c)
{
	for (size_t i = 0; i < c->nr_disks; i++)
		zendo_disk_clear(&c->disks[i]);
	for (size_t i = 0; i < c->nr_vifs; i++)
		zendo_vif_clear(&c->vifs[i]);
	free(c->disks);
	free(c->vifs);
}
