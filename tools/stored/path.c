/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "store.h"

/* docs/misc/xenstore.txt: alphanumerics and -/_@ */
static const bool path_chars[256] = {
	['-'] = true, ['/' ... '9'] = true, ['@' ... 'Z'] = true, ['_'] = true, ['a' ... 'z'] = true,
};

static bool is_valid(const char *s, size_t len)
{
	if (len == 0 || (len > 1 && s[len - 1] == '/'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!path_chars[(unsigned char)s[i]] || (s[i] == '/' && i && s[i - 1] == '/'))
			return false;
	return true;
}

int path_canonical(const char *s, uint16_t domid, bool may_be_special, char buf[PATH_ROOM], size_t *ret_len)
{
	size_t len = strlen(s), base = 0;

	if (len > XENSTORE_ABS_PATH_MAX || !is_valid(s, len) || (s[0] == '@' && !may_be_special))
		return -EINVAL;
	if (s[0] != '/' && s[0] != '@') {
		if (len > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		base = (size_t)snprintf(buf, PATH_ROOM, "/local/domain/%u/", domid);
	}
	memcpy(buf + base, s, len + 1);
	*ret_len = base + len;
	return 0;
}

bool path_next(const char *path, size_t *at, const char **ret_name, size_t *ret_len)
{
	const char *name = path + *at;
	size_t len = (size_t)(strchrnul(name, '/') - name);

	if (len == 0)
		return false;
	*ret_name = name;
	*ret_len = len;
	*at += len + (name[len] == '/');
	return true;
}
