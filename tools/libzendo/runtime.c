/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

static bool is_plain(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == ':' || (c == '.' && !first);
}

int zendo_instance_from_name(const char *name, char ret[static ZENDO_INSTANCE_MAX])
{
	size_t n = 0;

	if (!zendo_config_name_is_valid(name, NULL))
		return -EINVAL;
	for (const char *p = name; *p; p++) {
		if (n + 5 > ZENDO_INSTANCE_MAX)
			return -EINVAL;
		if (is_plain(*p, p == name))
			ret[n++] = *p;
		else
			n += (size_t)sprintf(ret + n, "\\x%02x", (unsigned char)*p);
	}
	ret[n] = '\0';
	return 0;
}

static int hex_digit(char c)
{
	const char digits[] = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

int zendo_instance_to_name(const char *instance, char *ret, size_t size)
{
	char again[ZENDO_INSTANCE_MAX];
	size_t n = 0;

	for (const char *p = instance; *p; n++) {
		if (n + 1 >= size)
			return -EINVAL;
		if (*p != '\\') {
			ret[n] = *p++;
			continue;
		}
		if (p[1] != 'x' || hex_digit(p[2]) < 0 || hex_digit(p[3]) < 0)
			return -EINVAL;
		ret[n] = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
		p += 4;
	}
	ret[n] = '\0';
	/* one name, one unit: "a" must not run a second time as "\x61" */
	if (zendo_instance_from_name(ret, again) < 0 || strcmp(again, instance) != 0)
		return -EINVAL;
	return 0;
}

/* @format takes the instance. */
__attribute__((format(printf, 3, 0)))
static int with_instance(const char *name, char *ret, const char *format, const char *file)
{
	char instance[ZENDO_INSTANCE_MAX];
	int n;

	if (zendo_instance_from_name(name, instance) < 0)
		return -EINVAL;
	n = snprintf(ret, ZENDO_RUNTIME_PATH_MAX, format, instance, file);
	return n < 0 || (size_t)n >= ZENDO_RUNTIME_PATH_MAX ? -EINVAL : 0;
}

int zendo_runtime_path(const char *name, const char *file, char ret[static ZENDO_RUNTIME_PATH_MAX])
{
	return with_instance(name, ret, *file ? ZENDO_RUNTIME_DIR "/%s/%s" : ZENDO_RUNTIME_DIR "/%s%s", file);
}

int zendo_console_log_path(const char *name, char ret[static ZENDO_RUNTIME_PATH_MAX])
{
	return with_instance(name, ret, ZENDO_CONSOLE_LOG_DIR "/%s.log%s", "");
}

int zendo_unit_name(const char *name, char ret[static ZENDO_RUNTIME_PATH_MAX])
{
	return with_instance(name, ret, "zendo-domain@%s.service%s", "");
}

int zendo_runtime_check_actions(const struct zendo_config *c, struct zendo_error *e)
{
	const struct {
		const char *key;
		enum zendo_on_event action;
	} all[] = {
		{ "on_poweroff", c->on_poweroff },
		{ "on_reboot", c->on_reboot },
		{ "on_crash", c->on_crash },
		{ "on_watchdog", c->on_watchdog },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].action == ZENDO_ON_SOFT_RESET)
			return zendo_error(e, -EOPNOTSUPP, "%s=\"%s\" is not in this version", all[i].key,
					   zendo_on_event_to_string(all[i].action));
		/* the one that is kept holds its devices, and what they stand on is not for two */
		if (all[i].action == ZENDO_ON_RENAME_RESTART && (c->nr_disks > 0 || c->nr_vifs > 0))
			return zendo_error(e, -EOPNOTSUPP, "%s=\"rename-restart\" is not for domains with 'disk' or 'vif': "
					   "the guest that is kept would hold them; use preserve or coredump-restart", all[i].key);
	}
	return 0;
}
