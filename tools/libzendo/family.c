/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "family.h"

#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/hvpriv.h>

/* One { name, id } of CTRL_ATTR_MCAST_GROUPS. */
static int group_attribute(const struct nlattr *a, void *userdata)
{
	const struct nlattr *field;
	struct zendo_family *f = userdata;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(field, a) {
		if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(field);
		else if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(field);
	}
	if (strcmp(name, HVPRIV_GENL_GROUP) == 0)
		f->group = id;
	return MNL_CB_OK;
}

static int family_attribute(const struct nlattr *a, void *userdata)
{
	struct zendo_family *f = userdata;

	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
		f->id = mnl_attr_get_u16(a);
	else if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS)
		return mnl_attr_parse_nested(a, group_attribute, f);
	return MNL_CB_OK;
}

int zendo_family_parse(const struct nlmsghdr *nlh, void *ret)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), family_attribute, ret);
}

int zendo_family_find(struct mnl_socket *nl, struct zendo_family *ret)
{
	char buf[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;
	ssize_t n;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = 1;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, HVPRIV_GENL_NAME);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	if (mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), zendo_family_parse, ret) < 0)
		return -errno;
	return ret->id && ret->group ? 0 : -ENOENT;
}
