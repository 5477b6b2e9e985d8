/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config-option.h"

/* What stands without a name, in this order. */
enum { TARGET, FORMAT, VDEV, ACCESS, NR_POSITIONS };

struct parser {
	struct zendo_disk *d;
	const struct zendo_error *at;
	struct zendo_error *e;
	bool set[NR_POSITIONS];
	bool has_prefix;	/* phy: and its relatives: nobody writes a format then */
	char *old_script;	/* of a prefix drbd: and the like; with script= that counts */
};

#define fail(p, r, ...) option_fail((p)->e, (r), (p)->at, __VA_ARGS__)

static int oom(struct parser *p)
{
	return zendo_error(p->e, -ENOMEM, "out of memory");
}

/* ---- values ---- */

static const struct {
	const char *name;
	enum zendo_disk_format format;
} formats[] = {	/* the first of each is its name */
	{ "raw", ZENDO_DISK_RAW },
	{ "qcow", ZENDO_DISK_QCOW },
	{ "qcow2", ZENDO_DISK_QCOW2 },
	{ "qed", ZENDO_DISK_QED },
	{ "vhd", ZENDO_DISK_VHD },
	{ "vpc", ZENDO_DISK_VHD },
	{ "vhdx", ZENDO_DISK_VHDX },
	{ "vmdk", ZENDO_DISK_VMDK },
	{ "empty", ZENDO_DISK_EMPTY },
	{ "aio", ZENDO_DISK_RAW },
};

#define NR_FORMATS (sizeof(formats) / sizeof(formats[0]))

const char *zendo_disk_format_name(enum zendo_disk_format f)
{
	for (size_t i = 0; i < NR_FORMATS; i++)
		if (formats[i].format == f)
			return formats[i].name;
	return NULL;
}

static bool find_format(const char *s, size_t len, enum zendo_disk_format *ret)
{
	for (size_t i = 0; i < NR_FORMATS; i++)
		if (strlen(formats[i].name) == len && strncmp(formats[i].name, s, len) == 0) {
			*ret = formats[i].format;
			return true;
		}
	return false;
}

static int set_format(struct parser *p, const char *s)
{
	if (*s && !find_format(s, strlen(s), &p->d->format))
		return fail(p, -EINVAL, "'disk': unknown format '%s': raw, qcow2, qcow, qed, vhd, vhdx and vmdk are known", s);
	return 0;
}

static int set_vdev(struct parser *p, const char *s)
{
	char old[ZENDO_VDEV_LEN + sizeof(":cdrom")];
	size_t len = strlen(s);
	int r;

	if (len > 6 && len < sizeof(old) && strcmp(s + len - 6, ":cdrom") == 0) {	/* hdc:cdrom, as older files have it */
		(void)snprintf(old, sizeof(old), "%.*s", (int)(len - 6), s);
		p->d->cdrom = true;
		s = old;
	}
	if (strlen(s) >= ZENDO_VDEV_LEN)
		return fail(p, -EINVAL, "'disk': vdev '%.32s...' is too long", s);
	r = zendo_vdev_number(s, &p->d->devid);
	if (r == -ERANGE)
		return fail(p, -EINVAL, "'disk': there is no vdev '%s': its number is too high", s);
	if (r < 0)
		return fail(p, r, "'disk': unknown vdev '%s': write xvda, xvdb, ... (or sda, hda)", s);
	(void)strcpy(p->d->vdev, s);
	return 0;
}

static int set_access(struct parser *p, const char *s)
{
	static const struct {
		const char *name;
		bool readonly, force;
	} kinds[] = {
		{ "w", false, false }, { "rw", false, false }, { "r", true, false }, { "ro", true, false },
		{ "w!", false, true }, { "rw!", false, true },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, s) == 0) {
			p->d->readonly = kinds[i].readonly;
			p->d->force = kinds[i].force;
			return 0;
		}
	if (!*s)
		return 0;
	return fail(p, -EINVAL, "'disk': access is '%s', must be r, w or w!", s);
}

/* drbd:web is script=block-drbd,target=web; nbd://... is for qemu-nbd. -ENOMEM. */
static int take_script_prefix(struct parser *p, const char **s)
{
	static const char *const names[] = { "drbd", "enbd", "iscsi", "nbd" };
	size_t len = strcspn(*s, ":");

	if (zendo_disk_target_is_remote(*s) || !(*s)[len])
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) != len || strncmp(names[i], *s, len) != 0)
			continue;
		free(p->old_script);
		if (asprintf(&p->old_script, "block-%s", names[i]) < 0) {
			p->old_script = NULL;
			return oom(p);
		}
		p->has_prefix = true;
		*s += len + 1;
		break;
	}
	return 0;
}

/* phy:, file:, tap:qcow2: and the like at the start, as older files have them. */
static const char *take_prefix(struct parser *p, const char *s)
{
	static const char *const transports[] = { "phy", "file", "tap", "tap2", "tapdisk" };
	enum zendo_disk_format format;

	for (;;) {
		size_t len = strcspn(s, ":");
		bool known = false;

		if (s[len] != ':')
			return s;
		for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
			known |= strlen(transports[i]) == len && strncmp(s, transports[i], len) == 0;
		if (!known && find_format(s, len, &format) && format != ZENDO_DISK_EMPTY) {
			p->d->format = format;
			known = true;
		}
		if (!known)
			return s;
		p->d->must_be_block |= len == 3 && strncmp(s, "phy", 3) == 0;
		p->has_prefix = true;
		s += len + 1;
	}
}

/* What qemu-utils and qemu-block-extra can open: the user's word for "not a file". */
bool zendo_disk_target_is_remote(const char *target)
{
	static const char *const schemes[] = {
		"nbd://", "nbd+tcp://", "nbd+unix://", "iscsi://", "ssh://", "http://", "https://", "rbd:",
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(target, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static int set_target(struct parser *p, const char *s)
{
	const char *before;
	int r;

	/* none is left: written down and read again it is the same */
	do {
		before = s;
		s = take_prefix(p, s);
		r = take_script_prefix(p, &s);
		s += strspn(s, " \t");
	} while (r >= 0 && s != before);
	if (r < 0 || !*s)
		return r;
	if (strlen(s) + (p->d->must_be_block ? strlen("/dev/") : 0) >= ZENDO_TARGET_MAX)
		return fail(p, -EINVAL, "'disk': target is longer than %d characters", ZENDO_TARGET_MAX - 1);
	return option_string(&p->d->target, s) < 0 ? oom(p) : 0;
}

/* When all is read: what a script makes a disk of is the script's affair. */
static int check_target(struct parser *p)
{
	struct zendo_disk *d = p->d;
	char *dev;

	if (d->must_be_block && *d->target != '/') {
		if (asprintf(&dev, "/dev/%s", d->target) < 0)
			return oom(p);
		free(d->target);
		d->target = dev;
	}
	if (*d->target != '/' && !zendo_disk_target_is_remote(d->target))
		return fail(p, -EINVAL, "'disk': target '%s' must be an absolute path, or begin with nbd://, nbd+unix://, iscsi://, ssh://, "
			    "http://, https:// or rbd:", d->target);
	return 0;
}

static int set_position(struct parser *p, unsigned which, const char *s)
{
	static int (*const set[NR_POSITIONS])(struct parser *, const char *) = {
		[TARGET] = set_target, [FORMAT] = set_format, [VDEV] = set_vdev, [ACCESS] = set_access,
	};

	p->set[which] = true;
	return *s || which == TARGET ? set[which](p, s) : 0;
}

static int set_next_position(struct parser *p, const char *s)
{
	for (unsigned i = 0; i < NR_POSITIONS; i++) {
		if (p->set[i] || (i == FORMAT && p->has_prefix))
			continue;
		return set_position(p, i, s);
	}
	return fail(p, -EINVAL, "'disk': '%s' is one value too many", s);
}

/* ---- key=value ---- */

static int set_number(struct parser *p, const char *key, const char *s, unsigned max, unsigned *ret)
{
	uint64_t n;

	if (!option_number(s, max, &n) || n == 0)
		return fail(p, -EINVAL, "'disk': %s is '%s', must be 1 to %u", key, s, max);
	*ret = (unsigned)n;
	return 0;
}

/* As systemd has it for what these become: K, M and G are thousands. */
static int set_rate(struct parser *p, const char *key, const char *s, uint64_t *ret)
{
	static const char suffixes[] = "KMG";
	char digits[24];
	size_t len = strspn(s, "0123456789");
	const char *suffix = s[len] ? strchr(suffixes, s[len]) : NULL;
	uint64_t n, unit = 1;

	if (suffix && !s[len + 1])
		for (const char *c = suffixes; c <= suffix; c++)
			unit *= 1000;
	if (len >= sizeof(digits) || (s[len] && unit == 1))
		return fail(p, -EINVAL, "'disk': %s is '%s', must be a number a second, K, M or G may follow", key, s);
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)len, s);
	if (!option_number(digits, UINT32_MAX * 1000ULL / unit, &n) || n == 0)
		return fail(p, -EINVAL, "'disk': %s is '%s', must be 1 to %llu", key, s, UINT32_MAX * 1000ULL);
	*ret = n * unit;
	return 0;
}

static int set_sector(struct parser *p, const char *s)
{
	if (strcmp(s, "512") != 0 && strcmp(s, "4096") != 0)
		return fail(p, -EINVAL, "'disk': sector is '%s', must be 512 or 4096", s);
	p->d->sector = s[0] == '5' ? 512 : 4096;
	return 0;
}

static int set_devtype(struct parser *p, const char *s)
{
	if (strcmp(s, "cdrom") != 0 && strcmp(s, "disk") != 0)
		return fail(p, -EINVAL, "'disk': devtype is '%s', must be disk or cdrom", s);
	p->d->cdrom = *s == 'c';
	return 0;
}

static int set_backendtype(struct parser *p, const char *s)
{
	if (strcmp(s, "phy") != 0 && strcmp(s, "qdisk") != 0 && strcmp(s, "tap") != 0)
		return fail(p, -EINVAL, "'disk': unknown backendtype '%s'", s);
	return 0;	/* there is one backend for all */
}

static int set_backend(struct parser *p, const char *s)
{
	if (strcmp(s, "0") != 0 && strcmp(s, "Domain-0") != 0)
		return fail(p, -EOPNOTSUPP, "'disk': backend is '%s', but disks are served by dom0 only", s);
	return 0;
}

static int set_specification(struct parser *p, const char *s)
{
	if (strcmp(s, "xen") != 0)
		return fail(p, -EOPNOTSUPP, "'disk': specification '%s' is not supported, only xen is", s);
	return 0;
}

static int set_script(struct parser *p, const char *s)
{
	if (!option_is_script(s))
		return fail(p, -EINVAL, "'disk': script '%s' must be an absolute path, or a name in /etc/zendo/scripts or /etc/xen/scripts", s);
	return option_string(&p->d->script, s) < 0 ? oom(p) : 0;
}

/* A script's disk is a block device, whatever the target is. */
static int check_script(struct parser *p)
{
	const struct zendo_disk *d = p->d;

	if (!d->target || d->format != ZENDO_DISK_RAW)
		return fail(p, -EINVAL, "'disk': %s: script= makes a block device of a target, which has no other format than raw", d->vdev);
	if (d->iops || d->bandwidth)
		return fail(p, -EOPNOTSUPP, "'disk': %s: iops= and bw= are for targets that are known before the domain starts; with script= "
			    "they are not", d->vdev);
	return 0;
}

/* @value NULL: it is a word without "=". -ENOENT: no such key. */
static int set_key(struct parser *p, const char *key, const char *value)
{
	static const char *const positions[NR_POSITIONS] = {
		[TARGET] = "target", [FORMAT] = "format", [VDEV] = "vdev", [ACCESS] = "access",
	};

	if (!value) {
		if (strcmp(key, "cdrom") == 0)
			p->d->cdrom = true;
		else if (strcmp(key, "discard") == 0)
			p->d->no_discard = false;
		else if (strcmp(key, "no-discard") == 0)
			p->d->no_discard = true;
		else if (strcmp(key, "direct-io-safe") != 0)	/* direct is the only way here */
			return -ENOENT;
		return 0;
	}
	for (unsigned i = 0; i < NR_POSITIONS; i++)
		if (strcmp(key, positions[i]) == 0) {
			if (p->set[i])
				return fail(p, -EINVAL, "'disk': %s is given twice", key);
			return set_position(p, i, value);
		}
	if (strcmp(key, "devtype") == 0)
		return set_devtype(p, value);
	if (strcmp(key, "backendtype") == 0)
		return set_backendtype(p, value);
	if (strcmp(key, "backend") == 0)
		return set_backend(p, value);
	if (strcmp(key, "specification") == 0)
		return set_specification(p, value);
	if (strcmp(key, "script") == 0)
		return set_script(p, value);
	if (strcmp(key, "sector") == 0)
		return set_sector(p, value);
	if (strcmp(key, "queues") == 0)
		return set_number(p, key, value, ZENDO_QUEUES_MAX, &p->d->queues);
	if (strcmp(key, "iops") == 0)
		return set_rate(p, key, value, &p->d->iops);
	if (strcmp(key, "bw") == 0)
		return set_rate(p, key, value, &p->d->bandwidth);
	if (strcmp(key, "at") == 0)
		return option_place(value, &p->d->at) < 0 ? fail(p, -EINVAL, "'disk': bad at='%s'", value) : 0;
	return -ENOENT;
}

static int take_part(struct parser *p, char *part)
{
	char *value = part + strcspn(part, "=/:");	/* a path may have a "=" in it */
	int r;

	if (*value != '=') {
		part = option_trim(part);
		r = *part ? set_key(p, part, NULL) : -ENOENT;
		return r == -ENOENT ? set_next_position(p, part) : r;
	}
	*value++ = '\0';
	part = option_trim(part);
	r = set_key(p, part, option_trim(value));
	return r == -ENOENT ? fail(p, -EINVAL, "'disk': unknown key '%s'", part) : r;
}

static int take_all(struct parser *p, char *text)
{
	char *next;
	int r;

	for (char *part = text; part; part = next) {
		const char *start = part + strspn(part, " \t");

		/* target= is the last: what follows it is all part of a name */
		next = strncmp(start, "target=", 7) == 0 ? NULL : strchr(part, ',');
		if (next)
			*next++ = '\0';
		if (next && !*option_trim(next) && !strchr(next, ','))
			next = NULL;	/* a comma at the end */
		r = take_part(p, part);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check(struct parser *p)
{
	struct zendo_disk *d = p->d;
	int r = 0;

	if (!*d->vdev)
		return fail(p, -EINVAL, "'disk': vdev is missing, for example: xvda");
	if (d->cdrom && d->force)
		return fail(p, -EINVAL, "'disk': %s is a CD-ROM, which nobody writes", d->vdev);
	if (d->cdrom)
		d->readonly = true;
	if (d->format == ZENDO_DISK_EMPTY && d->target)
		return fail(p, -EINVAL, "'disk': %s has format=empty and a target", d->vdev);
	if (!d->target && !d->cdrom)
		return fail(p, -EINVAL, "'disk': %s has no target", d->vdev);
	if (!d->script && p->old_script)
		d->script = TAKE_PTR(p->old_script);
	if (d->script)
		return check_script(p);
	if (!d->target)
		d->format = ZENDO_DISK_EMPTY;
	else
		r = check_target(p);
	if (r < 0)
		return r;
	if (d->must_be_block && d->format != ZENDO_DISK_RAW)
		return fail(p, -EINVAL, "'disk': %s: phy: and format=%s exclude each other", d->vdev,
			    zendo_disk_format_name(d->format));
	/* the unit's threads do the requests of these two kinds only: images have a process of their own */
	if ((d->iops || d->bandwidth) && d->target && (d->format != ZENDO_DISK_RAW || zendo_disk_target_is_remote(d->target)))
		return fail(p, -EOPNOTSUPP, "'disk': %s: iops= and bw= limit raw files and devices of dom0 only", d->vdev);
	return 0;
}

int zendo_disk_parse(const char *text, const struct zendo_error *at, struct zendo_disk *ret, struct zendo_error *e)
{
	_cleanup_(zendo_disk_clear) struct zendo_disk d = {};
	struct parser p = { .d = &d, .at = at, .e = e };
	_cleanup_free_ char *copy = strdup(text);
	int r;

	if (!copy)
		return oom(&p);
	if (at)
		d.at = *at;
	r = take_all(&p, copy);
	if (r >= 0)
		r = check(&p);
	free(p.old_script);
	if (r < 0)
		return r;
	*ret = d;
	memset(&d, 0, sizeof(d));
	return 0;
}

void zendo_disk_clear(struct zendo_disk *d)
{
	free(d->target);
	free(d->script);
	memset(d, 0, sizeof(*d));
}

int zendo_disk_format(const struct zendo_disk *d, bool place, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "vdev=%s,access=%s", d->vdev, d->force ? "w!" : d->readonly ? "r" : "w");
	if (d->target)
		fprintf(f, ",format=%s", zendo_disk_format_name(d->format));
	if (d->cdrom)
		fputs(",devtype=cdrom", f);
	if (d->no_discard)
		fputs(",no-discard", f);
	if (d->sector)
		fprintf(f, ",sector=%u", d->sector);
	if (d->queues)
		fprintf(f, ",queues=%u", d->queues);
	if (d->iops)
		fprintf(f, ",iops=%" PRIu64, d->iops);
	if (d->bandwidth)
		fprintf(f, ",bw=%" PRIu64, d->bandwidth);
	if (d->script)
		fprintf(f, ",script=%s", d->script);
	/* a comma in the name of the definition would end the value */
	if (place && d->at.line && !strchr(d->at.source, ','))
		fprintf(f, ",at=%s:%u:%u", d->at.source, d->at.line, d->at.column);
	if (d->target)
		fprintf(f, ",target=%s%s", d->must_be_block ? "phy:" : "", d->target);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
