/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "store.h"

/* docs/misc/xenstore.txt: alphanumerics and -/_@ */
static bool is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' ||
	       c == '@';
}

static bool is_valid(const char *s, size_t len)
{
	if (len == 0 || (len > 1 && s[len - 1] == '/'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_path_char(s[i]) || (i && s[i] == '/' && s[i - 1] == '/'))
			return false;
	return true;
}

int path_canonical(const char *s, uint16_t domid, bool may_be_special, char buf[PATH_ROOM], size_t *ret_len)
{
	size_t len = __builtin_strlen(s);
	int n;

	if (!is_valid(s, len))
		return -EINVAL;
	if (s[0] == '/' || s[0] == '@') {
		if (len > XENSTORE_ABS_PATH_MAX || (s[0] == '@' && !may_be_special))
			return -EINVAL;
		n = snprintf(buf, PATH_ROOM, "%s", s);
	} else {
		if (len > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		n = snprintf(buf, PATH_ROOM, "/local/domain/%u/%s", domid, s);
	}
	*ret_len = (size_t)n;
	return 0;
}

bool path_next(const char *path, size_t *at, const char **ret_name, size_t *ret_len)
{
	const char *name = path + *at;
	size_t len = __builtin_strcspn(name, "/");

	if (len == 0)
		return false;
	*ret_name = name;
	*ret_len = len;
	*at += len + (name[len] == '/');
	return true;
}
