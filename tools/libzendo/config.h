/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain configuration: the syntax and key names of xl.cfg(5).
 *
 *	name   = "web"
 *	kernel = "/boot/vmlinuz"	# comment
 *	memory = 512; vcpus = 2
 *	extra  = 'console=hvc0'
 *
 * Values are numbers (decimal, 0x hexadecimal), strings and lists. A later assignment replaces an
 * earlier one, += appends to a string or a list. A key that is not known is an error.
 */
#ifndef ZENDO_CONFIG_H
#define ZENDO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#include "cleanup.h"
#include "config-disk.h"
#include "config-vif.h"
#include "cpus.h"
#include "error.h"

#define ZENDO_CONFIG_MAX_BYTES		(1024 * 1024)	/* of one file */
#define ZENDO_CONFIG_MAX_NESTING	8		/* lists in lists */
#define ZENDO_CONFIG_MAX_VCPUS		128
#define ZENDO_CONFIG_MAX_MEMORY_MIB	(509ULL * 1024)	/* what the hypervisor's gfn table covers */
#define ZENDO_CONFIG_MAX_PORT		131071		/* of FIFO event channels */
#define ZENDO_CONFIG_MAX_CMDLINE	2047		/* without the NUL: what Linux takes */

struct json_object;

/* What happens when a domain ends, on_poweroff= and its relatives. */
enum zendo_on_event {
	ZENDO_ON_DESTROY,
	ZENDO_ON_RESTART,
	ZENDO_ON_RENAME_RESTART,
	ZENDO_ON_PRESERVE,
	ZENDO_ON_COREDUMP_DESTROY,
	ZENDO_ON_COREDUMP_RESTART,
	ZENDO_ON_SOFT_RESET,
	ZENDO_ON_NR,
};

struct zendo_config {
	char *name;			/* always set, satisfies zendo_config_name_is_valid() */
	char *kernel;			/* always set; as written, not resolved */
	char *ramdisk;			/* NULL = none */
	char *cmdline;			/* always set, maybe "": cmdline=, or root= and extra= put together */
	uint64_t memory_mib;		/* RAM at start, >= 1 */
	uint64_t maxmem_mib;		/* >= memory_mib */
	unsigned vcpus;			/* online at start, 1..maxvcpus */
	unsigned maxvcpus;		/* <= ZENDO_CONFIG_MAX_VCPUS */
	enum zendo_on_event on_poweroff, on_reboot, on_crash, on_watchdog;
	bool has_uuid;
	uint8_t uuid[16];		/* in the order it is written; valid with has_uuid */
	struct zendo_cpus *cpus;	/* physical CPUs: see zendo_config_cpus_of() */
	unsigned nr_cpus;		/* entries; 0 = any CPU for all */
	bool cpus_listed;		/* one entry for each of the first vCPUs, not one for all */
	struct zendo_error cpus_at;	/* its place in the text, for zendo_config_check_cpus() */
	unsigned cpu_weight;		/* 1..65535, 256 is normal */
	unsigned cap;			/* percent of one CPU, 0 = no limit */
	struct hvpriv_policy policy;	/* what it sees of its CPU, and its quotas */
	struct zendo_disk *disks;	/* no two with one devid */
	size_t nr_disks;
	struct zendo_vif *vifs;		/* likewise; also no MAC and no name twice */
	size_t nr_vifs;

	struct zendo_error *warnings;	/* keys accepted without effect, to be shown once */
	size_t nr_warnings;
};

/* One text to read; several are read in order as if they were one. */
struct zendo_config_input {
	const char *source;		/* for errors: path, "command line" */
	const char *text;
	size_t len;
	/*
	 * One key=value of a shell command: a value that is meant as a string need not be quoted,
	 * it then reaches to the end of the text.
	 */
	bool bare;
};

/*
 * Read the file @path, then each string "key=value" of @overrides (NULL-terminated, NULL = none).
 * 0 and a whole, checked configuration, or with *ret untouched and @e filled:
 * -EINVAL what is written is wrong, -EOPNOTSUPP it asks for what this version has not,
 * -EFBIG the file is too large, -ENOMEM, and what opening and reading @path gives.
 */
int zendo_config_load(const char *path, const char *const *overrides,
		      struct zendo_config **ret, struct zendo_error *e);

/* The same from memory. */
int zendo_config_parse(const struct zendo_config_input *inputs, size_t nr_inputs,
		       struct zendo_config **ret, struct zendo_error *e);

void zendo_config_free(struct zendo_config *c);
DEFINE_CLEANUP(struct zendo_config, zendo_config_free);

/* Is this feature, XEN_X86_FEATURE_*, hidden? */
bool zendo_policy_hides(const struct hvpriv_policy *p, unsigned feature);

/* The CPUs that @vcpu may use; NULL = any. */
const struct zendo_cpus *zendo_config_cpus_of(const struct zendo_config *c, unsigned vcpu);

/* -ENOENT: cpus= names a CPU that is not in @there. */
int zendo_config_check_cpus(const struct zendo_config *c, const struct zendo_cpus *there, struct zendo_error *e);

/* A JSON object with the keys of the file format. The caller json_object_put()s it. */
int zendo_config_to_json(const struct zendo_config *c, struct json_object **ret);

/*
 * 1..63 bytes, no '/', no control character, not "." or "..", not all digits (that is a domain id),
 * not "Domain-0". On false *ret_why (may be NULL) says which rule.
 */
bool zendo_config_name_is_valid(const char *name, const char **ret_why);

/* "rename-restart" and back. from_string: -EINVAL for anything else; to_string: NULL out of range. */
const char *zendo_on_event_to_string(enum zendo_on_event v);
int zendo_on_event_from_string(const char *s, enum zendo_on_event *ret);

#endif
