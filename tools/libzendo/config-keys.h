/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every key of xl.cfg(5) and what this version does with it. Private to libzendo.
 */
#ifndef ZENDO_CONFIG_KEYS_H
#define ZENDO_CONFIG_KEYS_H

#include <stddef.h>

/* Keys with a meaning here; they index struct config_values. */
enum config_key_id {
	KEY_CMDLINE, KEY_CAP, KEY_CPU_WEIGHT, KEY_CPUID, KEY_CPUS, KEY_DISK, KEY_EXTRA, KEY_KERNEL, KEY_MAX_EVENT_CHANNELS, KEY_MAX_GRANT_FRAMES,
	KEY_MAX_MAPTRACK_FRAMES, KEY_MAXMEM, KEY_MAXVCPUS,
	KEY_MEMORY, KEY_MSR_RELAXED, KEY_NAME, KEY_ON_CRASH, KEY_ON_POWEROFF, KEY_ON_REBOOT,
	KEY_ON_WATCHDOG, KEY_RAMDISK, KEY_ROOT, KEY_TYPE, KEY_UUID, KEY_VCPUS, KEY_VIF,
	KEY_NR,
	KEY_NONE = KEY_NR,
};

enum config_key_kind {
	CONFIG_DONE,		/* has its effect */
	CONFIG_IGNORED,		/* a warning: nothing in this guest that it could change */
	CONFIG_ALWAYS_ON,	/* cannot be switched off: an error if it is 0 */
	CONFIG_REFUSED,		/* an error: the domain would lack what was asked for */
};

struct config_key {
	const char *name;
	enum config_key_kind kind;
	enum config_key_id id;	/* KEY_NONE unless CONFIG_DONE */
	const char *reason;	/* continues "'vtpm' is not supported: " or "'vnc' has no effect: " */
};

/* NULL: not a key of xl.cfg(5). */
const struct config_key *config_key_find(const char *name);

/* All of them: NULL behind the last. */
const struct config_key *config_key_at(size_t i);

/* The known key that @name was probably meant to be, NULL if none is near. */
const char *config_key_nearest(const char *name);

/* How many characters to insert, remove, replace or swap with their neighbour make @b of @a. Long words are far from all. */
unsigned config_word_distance(const char *a, const char *b);

#endif
